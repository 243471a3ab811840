#include "iam/report/proof.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/letters.h"

namespace kiban::iam::report {

namespace {

bool decided_by(const Record& record, const std::string& role, const StatementRef& statement) {
  return record.principal == role && record.allowed() &&
         std::ranges::any_of(record.statements, [&](const StatementRef& each) {
           return each.policy == statement.policy && each.index == statement.index;
         });
}

json::value without(const json::value& actions, std::size_t place) {
  json::array kept;
  for (std::size_t i = 0; i < actions.as_array().size(); ++i)
    if (i != place) kept.push_back(actions.as_array()[i]);
  return kept;
}

std::optional<json::object> without_statement(json::object document, std::size_t index) {
  json::array kept;
  std::size_t place = 0;
  for (json::object& statement : statements_in(document))
    if (place++ != index) kept.emplace_back(std::move(statement));
  if (kept.empty()) return std::nullopt;
  document["Statement"] = std::move(kept);
  return document;
}

json::object without_action(json::object document, std::size_t index, std::size_t action) {
  json::array statements;
  for (json::object& statement : statements_in(document)) {
    if (statements.size() == index) statement["Action"] = without(statement["Action"], action);
    statements.emplace_back(std::move(statement));
  }
  document["Statement"] = std::move(statements);
  return document;
}

void add_statement(const RolePolicies& role, std::size_t policy, std::size_t index,
                   const std::vector<Record>& unchanged, Actions actions,
                   std::vector<Mutation>& to) {
  const PolicyText& given = role.policies[policy];
  const json::object statement = statements_in(given.document)[index];
  if (text(statement, "Effect") != "Allow") return;
  Mutation whole{.role = role.arn,
                 .statement = {.policy = given.ref, .index = index, .sid = text(statement, "Sid")},
                 .policy = policy,
                 .document = without_statement(given.document, index)};
  const auto uses = [&](std::string_view action) {
    return std::ranges::any_of(unchanged, [&](const Record& record) {
      return decided_by(record, role.arn, whole.statement) &&
             (action.empty() || stands_for(action, record.action, Case::Ignored));
    });
  };
  whole.exercised = uses("");
  to.push_back(whole);
  const std::vector<std::string> each = texts_in(statement, "Action");
  // Of a statement that goes as a whole, its actions are excess with it.
  if (actions == Actions::Whole || each.size() < 2 || !whole.exercised) return;
  for (std::size_t i = 0; i < each.size(); ++i) {
    Mutation one = whole;
    one.action = each[i];
    one.document = without_action(given.document, index, i);
    one.exercised = uses(each[i]);
    to.push_back(std::move(one));
  }
}

bool is_same(const Record& a, const Record& b) {
  return a.principal == b.principal && same_letters(a.action, b.action) &&
         lasting_resource(a.resource) == lasting_resource(b.resource);
}

// Whether the unchanged run allowed it by what the mutation removed.
bool removed_by(const Record& refusal, const Mutation& mutation,
                const std::vector<Record>& unchanged) {
  if (refusal.principal != mutation.role) return false;
  if (!mutation.action.empty() && !stands_for(mutation.action, refusal.action, Case::Ignored))
    return false;
  return std::ranges::any_of(unchanged, [&](const Record& record) {
    if (!record.allowed() || !is_same(record, refusal)) return false;
    if (!mutation.detaches) return decided_by(record, mutation.role, mutation.statement);
    return std::ranges::any_of(record.statements, [&](const StatementRef& each) {
      return each.policy == mutation.statement.policy;
    });
  });
}

}  // namespace

std::string Mutation::words() const {
  const std::string document_name = statement.policy.substr(statement.policy.rfind('/') + 1);
  if (detaches) return fmt::format("policy {}", document_name);
  const std::string which = statement.sid.empty()
                                ? fmt::format("statement {}", statement.index)
                                : fmt::format("statement {} ({})", statement.index, statement.sid);
  return action.empty() ? fmt::format("{} of {}", which, document_name)
                        : fmt::format("{} in {} of {}", action, which, document_name);
}

std::vector<Mutation> mutations_of(const RolePolicies& role, const std::vector<Record>& unchanged,
                                   Actions actions) {
  std::vector<Mutation> all;
  for (std::size_t at = 0; at < role.policies.size(); ++at) {
    const PolicyText& given = role.policies[at];
    if (given.of_aws) {
      all.push_back(
          {.role = role.arn, .statement = {.policy = given.ref}, .policy = at, .detaches = true});
      all.back().exercised = std::ranges::any_of(unchanged, [&](const Record& record) {
        return record.principal == role.arn && record.allowed() &&
               std::ranges::any_of(record.statements, [&](const StatementRef& each) {
                 return each.policy == given.ref;
               });
      });
      continue;
    }
    const std::size_t count = statements_in(given.document).size();
    for (std::size_t index = 0; index < count; ++index)
      add_statement(role, at, index, unchanged, actions, all);
  }
  return all;
}

std::string_view proof_name(Proof proof) {
  switch (proof) {
    case Proof::Necessary:
      return "necessary";
    case Proof::Excess:
      return "excess";
    case Proof::Unexpected:
      return "unexpected";
  }
  return "";
}

Judgement judge(const Mutation& mutation, const std::vector<Record>& unchanged,
                const std::vector<Record>& changed, bool deviated) {
  Judgement out;
  for (const Record& record : changed) {
    if (record.allowed()) continue;
    if (removed_by(record, mutation, unchanged)) {
      out.refusals.push_back(record);
      continue;
    }
    const bool known = std::ranges::any_of(unchanged, [&](const Record& before) {
      return !before.allowed() && is_same(before, record);
    });
    if (!known) out.others.push_back(record);
  }
  if (!out.others.empty() || (deviated && out.refusals.empty()))
    out.proof = Proof::Unexpected;
  else
    out.proof = out.refusals.empty() ? Proof::Excess : Proof::Necessary;
  return out;
}

}  // namespace kiban::iam::report
