#include "cli/scenario.h"

#include <gmock/gmock.h>

#include "cfn/template.h"

namespace kiban::cli {
namespace {

using testing::HasSubstr;

Result<Scenario> parse(std::string_view yaml) {
  return parse_scenario(cfn::parse_yaml(yaml).value(), "/app/iam");
}

TEST(Scenario, ReadsItsSteps) {
  const auto scenario = parse(R"(
data: ../.kiban
source: ../backend
stacks: [dev-OrchestrationStack]
setup:
  - deploy: net
    template: net.json
    parameters: {Stage: dev}
steps:
  - start: batch
    input: {arguments: [--fail]}
    expect: FAILED
    error: BatchFailed
  - start: batch
    until: TaskSubmitted
  - stop: batch
  - advance: 24h
  - call: events:EnableRule
    input: {Name: nightly}
  - put-events: [{Source: app}]
  - ended: batch
)");
  ASSERT_TRUE(scenario) << scenario.error().cause;
  EXPECT_EQ(scenario->data, "/app/.kiban");
  EXPECT_EQ(scenario->source, "/app/backend");
  EXPECT_EQ(scenario->setup.at(0).file, "/app/iam/net.json");
  ASSERT_EQ(scenario->steps.size(), 7U);
  EXPECT_EQ(scenario->steps[0].error, "BatchFailed");
  EXPECT_EQ(scenario->steps[1].expect, "RUNNING");
  EXPECT_EQ(scenario->steps[3].duration, std::chrono::hours{24});
  EXPECT_EQ(scenario->steps[4].operation, "EnableRule");
  EXPECT_EQ(scenario->steps[6].expect, "SUCCEEDED");
  EXPECT_EQ(scenario->steps[6].words(), "ended batch");
}

TEST(Scenario, SaysWhatIsWrongAndWhere) {
  const std::string start = "data: d\nroles: [r]\nsteps:\n";
  for (const auto& [yaml, why] : std::vector<std::pair<std::string, std::string>>{
           {"[]", "the file: a scenario is an object"},
           {"date: d", "date: a scenario has data,"},
           {"data: d\nroles: [r]", "steps: there is none"},
           {"roles: [r]\nsteps: [{advance: 1h}]", "data names a directory"},
           {"data: d\nsteps: [{advance: 1h}]", "stacks or roles"},
           {start + "- {begin: x}", "steps[0]: a step has one of"},
           {start + "- {advance: 1h}\n- {start: x, template: y}",
            "steps[1]: start takes no template"},
           {start + "- {start: x, expect: DONE}", "expect is one of"},
           {start + "- {call: EnableRule}", "call wants SERVICE:OPERATION"},
           {start + "- {deploy: x}", "deploy wants a template"},
           {start + "- {put-events: x}", "a list of entries"},
           {start + "- {advance: soon}", "steps[0]: "}}) {
    const auto scenario = parse(yaml);
    ASSERT_FALSE(scenario) << yaml;
    EXPECT_EQ(scenario.error().name, "InvalidScenario");
    EXPECT_THAT(scenario.error().cause, HasSubstr(why)) << yaml;
  }
}

}  // namespace
}  // namespace kiban::cli
