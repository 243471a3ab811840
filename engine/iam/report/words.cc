#include "iam/report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "core/letters.h"

namespace kiban::iam::report {

namespace {

bool fits_a_line(const json::array& array) {
  return array.size() <= 1 &&
         std::ranges::all_of(array, [](const json::value& each) { return each.is_primitive(); });
}

void append_pretty(std::string& out, const json::value& value, std::size_t level) {
  const std::string inner((level + 1) * 2, ' ');
  const std::string outer(level * 2, ' ');
  if (value.is_object() && !value.get_object().empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& [key, member] : value.get_object()) {
      out += (first ? "" : ",\n") + inner;
      append_json_string(out, key);
      out += ": ";
      append_pretty(out, member, level + 1);
      first = false;
    }
    out += "\n" + outer + "}";
  } else if (value.is_array() && !fits_a_line(value.get_array())) {
    out += "[\n";
    bool first = true;
    for (const json::value& each : value.get_array()) {
      out += (first ? "" : ",\n") + inner;
      append_pretty(out, each, level + 1);
      first = false;
    }
    out += "\n" + outer + "]";
  } else {
    append_json(out, value);
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

struct Line {
  char mark{' '};
  std::string_view text{};
};

// By the longest common subsequence: policies have some hundred lines. Of longer texts all lines
// went and came.
constexpr std::size_t pairs_max = 4'000'000;

std::vector<Line> compare(const std::vector<std::string_view>& before,
                          const std::vector<std::string_view>& after) {
  if (before.size() * after.size() > pairs_max) {
    std::vector<Line> all;
    for (const std::string_view line : before) all.push_back({'-', line});
    for (const std::string_view line : after) all.push_back({'+', line});
    return all;
  }
  std::vector<std::vector<std::size_t>> common(before.size() + 1,
                                               std::vector<std::size_t>(after.size() + 1));
  for (std::size_t i = before.size(); i-- > 0;)
    for (std::size_t j = after.size(); j-- > 0;)
      common[i][j] = before[i] == after[j] ? common[i + 1][j + 1] + 1
                                           : std::max(common[i + 1][j], common[i][j + 1]);
  std::vector<Line> lines;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < before.size() || j < after.size()) {
    if (i < before.size() && j < after.size() && before[i] == after[j]) {
      lines.push_back({' ', before[i++]});
      ++j;
    } else if (i < before.size() && (j == after.size() || common[i + 1][j] >= common[i][j + 1])) {
      lines.push_back({'-', before[i++]});
    } else {
      lines.push_back({'+', after[j++]});
    }
  }
  return lines;
}

// In single quotes, as TypeScript.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "'";
}

std::vector<std::string> strings_of(const json::value* value) {
  std::vector<std::string> all;
  if (value == nullptr) return all;
  if (value->is_string()) return {to_string(value->get_string())};
  if (!value->is_array()) return all;
  for (const json::value& each : value->get_array())
    if (each.is_string()) all.push_back(to_string(each.get_string()));
  return all;
}

std::string typescript(const json::value& value) {
  if (value.is_string()) return in_quotes(std::string_view(value.get_string()));
  if (value.is_array()) {
    std::string out;
    for (const json::value& each : value.get_array())
      out += (out.empty() ? "" : ", ") + typescript(each);
    return "[" + out + "]";
  }
  if (!value.is_object()) return print_json(value);
  std::string out;
  for (const auto& [key, member] : value.get_object()) {
    const bool plain = std::ranges::all_of(std::string_view(key), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ",
                       plain ? std::string(key) : in_quotes(key), typescript(member));
  }
  return "{ " + out + " }";
}

std::string list_of(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += (out.empty() ? "" : ", ") + in_quotes(value);
  return "[" + out + "]";
}

std::string principals_of(const json::object& statement) {
  const json::object* principal = find_object(statement, "Principal");
  if (principal == nullptr) return "";
  std::string out;
  for (const std::string& arn : strings_of(find(*principal, "AWS")))
    out += fmt::format("{}new iam.ArnPrincipal({})", out.empty() ? "" : ", ", in_quotes(arn));
  for (const std::string& name : strings_of(find(*principal, "Service")))
    out += fmt::format("{}new iam.ServicePrincipal({})", out.empty() ? "" : ", ", in_quotes(name));
  return fmt::format("  principals: [{}],\n", out);
}

}  // namespace

std::string pretty_json(const json::value& value) {
  std::string out;
  append_pretty(out, value, 0);
  return out;
}

std::string line_diff(std::string_view before, std::string_view after, std::size_t context) {
  const std::vector<Line> lines = compare(lines_of(before), lines_of(after));
  std::vector<bool> shown(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].mark == ' ') continue;
    const std::size_t end = std::min(lines.size(), i + context + 1);
    for (std::size_t near = i - std::min(i, context); near < end; ++near) shown[near] = true;
  }
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (shown[i])
      out += fmt::format("{} {}\n", lines[i].mark, lines[i].text);
    else if (!out.empty() && shown[i - 1])
      out += "  …\n";
  }
  if (out.ends_with("  …\n")) out.resize(out.size() - std::string_view("  …\n").size());
  return out;
}

std::string cdk_statement(const json::object& statement, const Resources& resources) {
  std::string out = "new iam.PolicyStatement({\n";
  if (const json::string* sid = find_string(statement, "Sid"))
    out += fmt::format("  sid: {},\n", in_quotes(*sid));
  if (text(statement, "Effect") == "Deny") out += "  effect: iam.Effect.DENY,\n";
  for (const auto& [key, name] : std::map<std::string, std::string>{
           {"Action", "actions"}, {"NotAction", "notActions"}, {"NotResource", "notResources"}})
    if (statement.contains(key))
      out += fmt::format("  {}: {},\n", name, list_of(strings_of(find(statement, key))));
  const std::vector<std::string> arns = strings_of(find(statement, "Resource"));
  if (!arns.empty()) {
    out += "  resources: [\n";
    for (const std::string& arn : arns) {
      const Resource* resource = resources.find(arn);
      out += fmt::format("    {},{}\n", in_quotes(arn),
                         resource == nullptr ? "" : " // " + resource->place());
    }
    out += "  ],\n";
  }
  out += principals_of(statement);
  if (const json::object* condition = find_object(statement, "Condition"))
    out += fmt::format("  conditions: {},\n", typescript(*condition));
  return out + "})";
}

std::string_view grant_for(std::string_view action) {
  // docs.aws.amazon.com/cdk/api/v2/docs/aws-construct-library.html: the grant methods whose policy
  // holds the action.
  static const std::map<std::string, std::string_view, std::less<>> grants{
      {"ecr:batchgetimage", "repository.grantPull(role)"},
      {"ecs:runtask", "taskDefinition.grantRun(role)"},
      {"events:putevents", "bus.grantPutEventsTo(role)"},
      {"iam:passrole", "passedRole.grantPassRole(role)"},
      {"kms:decrypt", "key.grantDecrypt(role)"},
      {"lambda:invokefunction", "fn.grantInvoke(role)"},
      {"logs:putlogevents", "logGroup.grantWrite(role)"},
      {"s3:getobject", "bucket.grantRead(role)"},
      {"s3:putobject", "bucket.grantPut(role)"},
      {"secretsmanager:getsecretvalue", "secret.grantRead(role)"},
      {"sns:publish", "topic.grantPublish(role)"},
      {"sqs:receivemessage", "queue.grantConsumeMessages(role)"},
      {"sqs:sendmessage", "queue.grantSendMessages(role)"},
      {"ssm:getparameters", "parameter.grantRead(role)"},
      {"states:startexecution", "stateMachine.grantStartExecution(role)"}};
  const auto found = grants.find(lower_case(action));
  return found == grants.end() ? std::string_view{} : found->second;
}

}  // namespace kiban::iam::report
