#include "iam/report/record.h"

#include <algorithm>
#include <array>

#include "core/arn.h"
#include "core/budget.h"
#include "core/letters.h"
#include "iam/pattern.h"

namespace kiban::iam::report {

namespace {

std::vector<std::string> strings_of(const json::value& value) {
  std::vector<std::string> all;
  if (value.is_string()) all.push_back(to_string(value.get_string()));
  if (!value.is_array()) return all;
  for (const json::value& each : value.get_array())
    if (each.is_string()) all.push_back(to_string(each.get_string()));
  return all;
}

StatementRef statement_of(const json::object& statement) {
  return {.policy = text(statement, "policy"),
          .index = static_cast<std::size_t>(std::max<std::int64_t>(0, number(statement, "index"))),
          .sid = text(statement, "sid")};
}

}  // namespace

bool Record::lacks(std::string_view kind) const {
  return std::ranges::find(missing, kind) != missing.end();
}

std::string Record::key(std::string_view name) const {
  for (const auto& [key, values] : keys)
    if (same_letters(key, name) && values.size() == 1) return values.front();
  return {};
}

Result<Record> parse_record(std::string_view line) {
  const auto value = parse_json(line);
  if (!value || !value->is_object())
    return fail("InvalidRecord",
                "a record of a decision is a JSON object, not " + std::string(line.substr(0, 80)));
  const json::object& object = value->get_object();
  Record record{.id = text(object, "id"),
                .principal = text(object, "principal"),
                .session = text(object, "session"),
                .acts_for = text(object, "actsFor"),
                .action = text(object, "action"),
                .resource = text(object, "resource", "*"),
                .verdict = text(object, "verdict"),
                .enforced = flag(object, "enforced"),
                .text = text(object, "text")};
  constexpr std::array<std::string_view, 3> verdicts{"Allowed", "ImplicitlyDenied",
                                                     "ExplicitlyDenied"};
  if (record.id.empty() || record.action.empty() ||
      std::ranges::find(verdicts, record.verdict) == verdicts.end())
    return fail("InvalidRecord", "a record of a decision has an id, an action and a verdict");
  const json::value* time = find(object, "time");
  if (time != nullptr && time->is_number()) record.time = time->to_number<double>();
  if (const json::object* keys = find_object(object, "keys"))
    for (const auto& [key, values] : *keys) record.keys[std::string(key)] = strings_of(values);
  if (const json::array* statements = find_array(object, "statements"))
    for (const json::value& each : *statements)
      if (each.is_object()) record.statements.push_back(statement_of(each.get_object()));
  if (const json::value* missing = find(object, "missing")) record.missing = strings_of(*missing);
  return record;
}

Result<std::vector<Record>> parse_records(std::string_view lines) {
  std::vector<Record> records;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    KIBAN_TRY(Record record, parse_record(line));
    records.push_back(std::move(record));
  }
  return records;
}

bool stands_for(std::string_view pattern, std::string_view text, Case letters) {
  std::string encoded = letters == Case::Ignored ? lower_case(pattern) : std::string(pattern);
  std::ranges::replace(encoded, '*', any_text);
  std::ranges::replace(encoded, '?', any_character);
  constexpr std::size_t steps_max = 1'000'000;
  Budget budget(steps_max, 0);
  return glob(encoded, letters == Case::Ignored ? lower_case(text) : std::string(text), budget);
}

bool has_wildcard(std::string_view pattern) {
  return pattern.find_first_of("*?") != std::string_view::npos;
}

std::string lasting_resource(const std::string& text) {
  auto arn = parse_arn(text);
  if (!arn) return text;
  std::string& resource = arn->resource;
  const auto starts = [&](std::string_view prefix) { return resource.starts_with(prefix); };
  const std::size_t last_colon = resource.rfind(':');
  const std::size_t last_slash = resource.rfind('/');
  if (arn->service == "ecs" && starts("task-definition/") && last_colon != std::string::npos)
    resource.replace(last_colon + 1, std::string::npos, "*");
  else if (arn->service == "ecs" && (starts("task/") || starts("container-instance/")))
    resource.replace(last_slash + 1, std::string::npos, "*");
  else if (arn->service == "states" && (starts("execution:") || starts("express:")))
    resource.replace(resource.find(':', resource.find(':') + 1) + 1, std::string::npos, "*");
  else if (arn->service == "logs" && resource.find(":log-stream:") != std::string::npos)
    resource.replace(resource.find(":log-stream:") + 12, std::string::npos, "*");
  return print_arn(*arn);
}

}  // namespace kiban::iam::report
