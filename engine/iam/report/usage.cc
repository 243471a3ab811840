#include "iam/report/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/letters.h"

namespace kiban::iam::report {

namespace {

constexpr std::size_t records_named_max = 3;

std::string text_of_pattern(std::string_view pattern) {
  // A variable's value is not known here: it may be any text.
  std::string out;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find("${");
    const std::size_t close = open == std::string_view::npos ? open : pattern.find('}', open);
    if (close == std::string_view::npos) return out + std::string(pattern);
    out += std::string(pattern.substr(0, open)) + "*";
    pattern.remove_prefix(close + 1);
  }
  return out;
}

StatementUse statement_use(const PolicyText& policy, const json::object& statement,
                           std::size_t index) {
  StatementUse use{.ref = {.policy = policy.ref, .index = index, .sid = text(statement, "Sid")},
                   .managed = policy.managed,
                   .allows = text(statement, "Effect") == "Allow"};
  if (!use.allows) return use;
  for (std::string& action : texts_in(statement, "Action"))
    use.actions.push_back({.action = std::move(action)});
  for (std::string& resource : texts_in(statement, "Resource"))
    use.resources.push_back({.resource = std::move(resource)});
  return use;
}

void count(const Record& record, StatementUse& use) {
  ++use.count;
  for (ActionUse& action : use.actions) {
    if (!stands_for(action.action, record.action, Case::Ignored)) continue;
    ++action.count;
    action.seen[record.action].insert(lasting_resource(record.resource));
    if (action.records.size() < records_named_max) action.records.push_back(record.id);
  }
  for (ResourceUse& resource : use.resources)
    if (stands_for(text_of_pattern(resource.resource), record.resource)) resource.used = true;
  if (use.count == 1) {
    for (const auto& [key, values] : record.keys)
      if (values.size() == 1) use.constant_keys[key] = values.front();
    return;
  }
  std::erase_if(use.constant_keys, [&](const auto& known) {
    const auto found = record.keys.find(known.first);
    return found == record.keys.end() || found->second != std::vector<std::string>{known.second};
  });
}

void count_refusal(const Record& record, std::vector<Refusal>& refusals) {
  const auto same = std::ranges::find_if(refusals, [&](const Refusal& each) {
    return each.action == record.action && each.resource == record.resource &&
           each.verdict == record.verdict;
  });
  if (same != refusals.end()) {
    ++same->count;
    same->last_record = record.id;
    return;
  }
  refusals.push_back({.action = record.action,
                      .resource = record.resource,
                      .verdict = record.verdict,
                      .count = 1,
                      .last_record = record.id});
}

std::string named(const StatementUse& use) {
  return use.ref.sid.empty() ? fmt::format("statement {}", use.ref.index)
                             : fmt::format("statement {} ({})", use.ref.index, use.ref.sid);
}

void find_unused(const std::string& role, const StatementUse& use, std::vector<Finding>& to) {
  if (use.count == 0) {
    to.push_back({.role = role,
                  .kind = "unused-statement",
                  .statement = use.ref,
                  .words = fmt::format("{} was never exercised", named(use))});
    return;
  }
  for (const ActionUse& action : use.actions)
    if (action.count == 0)
      to.push_back(
          {.role = role,
           .kind = "unused-action",
           .statement = use.ref,
           .action = action.action,
           .words = fmt::format("{} of {} was never exercised", action.action, named(use))});
  for (const ResourceUse& resource : use.resources)
    if (!resource.used)
      to.push_back(
          {.role = role,
           .kind = "unused-resource",
           .statement = use.ref,
           .resource = resource.resource,
           .words = fmt::format("{} of {} was never used", resource.resource, named(use))});
}

void add_states(const json::object& definition, std::set<std::string>& names, int depth) {
  constexpr int depth_max = 64;
  const json::object* states = find_object(definition, "States");
  if (states == nullptr || depth > depth_max) return;
  for (const auto& [name, state] : *states) {
    names.insert(std::string(name));
    if (!state.is_object()) continue;
    for (const std::string_view member : {"Iterator", "ItemProcessor"})
      if (const json::object* inner = find_object(state.get_object(), member))
        add_states(*inner, names, depth + 1);
    const json::array* branches = find_array(state.get_object(), "Branches");
    for (const json::value& branch : branches == nullptr ? json::array{} : *branches)
      if (branch.is_object()) add_states(branch.get_object(), names, depth + 1);
  }
}

}  // namespace

std::vector<json::object> statements_in(const json::object& document) {
  std::vector<json::object> all;
  const json::value* statements = find(document, "Statement");
  if (statements == nullptr) return all;
  if (statements->is_object()) return {statements->get_object()};
  if (!statements->is_array()) return all;
  for (const json::value& each : statements->get_array())
    all.push_back(each.is_object() ? each.get_object() : json::object{});
  return all;
}

std::vector<std::string> texts_in(const json::object& statement, std::string_view key) {
  std::vector<std::string> all;
  const json::value* value = find(statement, key);
  if (value == nullptr) return all;
  if (value->is_string()) return {to_string(value->get_string())};
  if (!value->is_array()) return all;
  for (const json::value& each : value->get_array())
    if (each.is_string()) all.push_back(to_string(each.get_string()));
  return all;
}

RoleUse use_of(const RolePolicies& role, const std::vector<Record>& records) {
  RoleUse use{.arn = role.arn};
  for (const PolicyText& policy : role.policies) {
    std::size_t index = 0;
    for (const json::object& statement : statements_in(policy.document))
      use.statements.push_back(statement_use(policy, statement, index++));
  }
  for (const Record& record : records) {
    if (record.principal != role.arn) continue;
    if (!record.allowed()) count_refusal(record, use.refusals);
    const bool counts = record.allowed() || record.verdict == "ExplicitlyDenied";
    for (const StatementRef& ref : counts ? record.statements : std::vector<StatementRef>{})
      for (StatementUse& statement : use.statements)
        if (statement.ref.policy == ref.policy && statement.ref.index == ref.index)
          count(record, statement);
  }
  return use;
}

std::vector<Finding> findings_of(const RolePolicies& role, const RoleUse& use) {
  std::vector<Finding> findings;
  for (const StatementUse& statement : use.statements) {
    const auto policy = std::ranges::find(role.policies, statement.ref.policy, &PolicyText::ref);
    const bool of_aws = policy != role.policies.end() && policy->of_aws;
    // A Deny guards; the parts of a policy of AWS's cannot be taken out.
    if (statement.allows && !of_aws) find_unused(role.name, statement, findings);
  }
  for (const Refusal& refusal : use.refusals)
    findings.push_back(
        {.role = role.name,
         .kind = "refused",
         .action = refusal.action,
         .resource = refusal.resource,
         .words = fmt::format("{} on {} was refused {}; kiban iam explain {}", refusal.action,
                              refusal.resource,
                              refusal.count == 1 ? "once" : fmt::format("{} times", refusal.count),
                              refusal.last_record)});
  return findings;
}

Result<std::vector<Exception>> parse_exceptions(const json::value& list) {
  constexpr std::array<std::string_view, 5> members{"role", "kind", "statement", "action",
                                                    "reason"};
  if (!list.is_array()) return fail("InvalidExceptions", "the file holds a list of exceptions");
  std::vector<Exception> exceptions;
  for (const json::value& each : list.get_array()) {
    if (!each.is_object() || text(each.get_object(), "reason").empty())
      return fail("InvalidExceptions", "each exception is an object and gives a reason");
    for (const auto& [key, value] : each.get_object())
      if (std::ranges::find(members, std::string_view(key)) == members.end() || !value.is_string())
        return fail("InvalidExceptions",
                    fmt::format("'{}': an exception has role, kind, statement, action and reason, "
                                "each a text",
                                std::string_view(key)));
    const json::object& object = each.get_object();
    exceptions.push_back({.role = text(object, "role"),
                          .kind = text(object, "kind"),
                          .statement = text(object, "statement"),
                          .action = text(object, "action"),
                          .reason = text(object, "reason")});
  }
  return exceptions;
}

const Exception* exception_for(const Finding& finding, const std::vector<Exception>& exceptions) {
  const auto fits = [](const std::string& pattern, const std::string& text) {
    return pattern.empty() || stands_for(pattern, text, Case::Ignored);
  };
  for (const Exception& each : exceptions)
    if (fits(each.role, finding.role) && fits(each.kind, finding.kind) &&
        fits(each.statement, finding.statement.sid) && fits(each.action, finding.action))
      return &each;
  return nullptr;
}

std::set<std::string> state_names(const json::object& definition) {
  std::set<std::string> names;
  add_states(definition, names, 0);
  return names;
}

}  // namespace kiban::iam::report
