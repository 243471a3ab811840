#include "api/scalars.h"

#include <gtest/gtest.h>

namespace kiban::api {
namespace {

TEST(Scalars, TakeTheTypeThatTheOperationWants) {
  const Service& ecs = *find_service("ecs");
  const Shape& input = ecs.shape(ecs.operation("RegisterTaskDefinition")->input);
  const auto given = parse_json(R"({"family":7,"cpu":256,"unknown":1,"containerDefinitions":[{
      "name":"c","essential":"true","cpu":"10","memory":"much","command":["echo",1,true,0.5],
      "environment":[{"name":"PORT","value":8080},{"name":"DEBUG","value":false}],
      "dockerLabels":{"a":1},"portMappings":"80"}]})");
  EXPECT_EQ(with_scalars_of(ecs, input, *given),
            *parse_json(R"({"family":"7","cpu":"256","unknown":1,"containerDefinitions":[{
      "name":"c","essential":true,"cpu":10,"memory":"much","command":["echo","1","true","0.5"],
      "environment":[{"name":"PORT","value":"8080"},{"name":"DEBUG","value":"false"}],
      "dockerLabels":{"a":"1"},"portMappings":"80"}]})"));
}

}  // namespace
}  // namespace kiban::api
