#include "iam/report/proposal.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "iam/report/words.h"

namespace kiban::iam::report {

namespace {

json::value one_or_list(json::array values) {
  return values.size() == 1 ? values.front() : json::value(std::move(values));
}

// The actions that stay of a statement, those seen in place of wildcards.
std::vector<std::string> used_actions(const StatementUse& use) {
  std::vector<std::string> actions;
  for (const ActionUse& action : use.actions) {
    if (action.count == 0) continue;
    if (!has_wildcard(action.action)) actions.push_back(action.action);
    for (const auto& [seen, resources] : action.seen)
      if (has_wildcard(action.action)) actions.push_back(seen);
  }
  return actions;
}

// The resources observed for a pattern with wildcards; empty: the pattern can't be narrowed.
std::set<std::string> seen_instead(const std::string& pattern, const StatementUse& use) {
  std::set<std::string> seen;
  if (!has_wildcard(pattern) || pattern.find("${") != std::string::npos) return seen;
  for (const ActionUse& action : use.actions)
    for (const auto& [name, resources] : action.seen)
      for (const std::string& resource : resources)
        if (stands_for(pattern, resource)) seen.insert(resource);
  if (seen.contains("*") || seen.contains(pattern)) seen.clear();
  return seen;
}

Edit edit_of(const StatementUse& use, const json::object& statement,
             std::vector<std::string>& words) {
  Edit edit{.statement = use.ref.index};
  const std::string name =
      use.ref.sid.empty() ? fmt::format("statement {}", use.ref.index) : use.ref.sid;
  if (!use.allows || use.actions.empty() || use.resources.empty()) return edit;
  if (use.count == 0) {
    edit.dropped = edit.changed = true;
    words.push_back(fmt::format("{}: remove it", name));
    return edit;
  }
  edit.actions = used_actions(use);
  if (edit.actions != texts_in(statement, "Action")) {
    edit.changed = true;
    words.push_back(fmt::format("{}: allow only {}", name, fmt::join(edit.actions, ", ")));
  }
  for (std::size_t i = 0; i < use.resources.size(); ++i) {
    const ResourceUse& resource = use.resources[i];
    const std::set<std::string> seen = seen_instead(resource.resource, use);
    if (resource.used && seen.empty()) edit.kept_resources.push_back(i);
    edit.seen_resources.insert(edit.seen_resources.end(), seen.begin(), seen.end());
    if (!resource.used)
      words.push_back(fmt::format("{}: remove the resource {}", name, resource.resource));
    if (!seen.empty())
      words.push_back(
          fmt::format("{}: instead of {} only {}", name, resource.resource, fmt::join(seen, ", ")));
    edit.changed = edit.changed || !resource.used || !seen.empty();
  }
  return edit;
}

// How a resource that was seen is written.
using Write = json::value (*)(const std::string& arn, const std::string& stack,
                              const Resources& resources);

json::value as_arn(const std::string& arn, const std::string&, const Resources&) {
  return json::value(arn);
}

json::value as_reference(const std::string& arn, const std::string& stack,
                         const Resources& resources) {
  const Resource* resource = resources.find(arn);
  const bool itself =
      resource != nullptr && resource->stack == stack &&
      (resource->physical_id == arn ||
       (!resource->physical_id.starts_with("arn:") && arn.ends_with(resource->physical_id)));
  return itself ? reference_to(*resource) : json::value(arn);
}

// nullopt: nothing stays.
std::optional<json::object> apply(const std::vector<Edit>& edits, json::object document,
                                  Write write, const std::string& stack,
                                  const Resources& resources) {
  const std::vector<json::object> statements = statements_in(document);
  json::array kept;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    json::object statement = statements[i];
    const auto edit = std::ranges::find(edits, i, &Edit::statement);
    if (edit != edits.end() && edit->dropped) continue;
    if (edit != edits.end() && edit->changed) {
      statement["Action"] = one_or_list(json::array(edit->actions.begin(), edit->actions.end()));
      const json::value given =
          statement.contains("Resource") ? statement["Resource"] : json::array{};
      json::array arns;
      for (const std::size_t place : edit->kept_resources)
        arns.push_back(given.is_array() ? given.get_array().at(place) : given);
      for (const std::string& arn : edit->seen_resources)
        arns.push_back(write(arn, stack, resources));
      statement["Resource"] = one_or_list(std::move(arns));
    }
    kept.push_back(std::move(statement));
  }
  if (kept.empty()) return std::nullopt;
  document["Statement"] = std::move(kept);
  return document;
}

std::size_t count_of(const json::object& statement, std::string_view key) {
  const json::value* value = find(statement, key);
  return value == nullptr ? 0 : value->is_array() ? value->get_array().size() : 1;
}

bool refers_to(const json::value& value, const std::string& logical_id) {
  const json::object* object = value.if_object();
  return object != nullptr && text(*object, "Ref") == logical_id;
}

}  // namespace

std::vector<Proposal> propose(const RolePolicies& role, const RoleUse& use) {
  std::vector<Proposal> proposals;
  for (const PolicyText& policy : role.policies) {
    if (policy.of_aws) continue;
    Proposal proposal{.policy = policy};
    const std::vector<json::object> statements = statements_in(policy.document);
    for (const StatementUse& each : use.statements)
      if (each.ref.policy == policy.ref && each.ref.index < statements.size())
        proposal.edits.push_back(edit_of(each, statements[each.ref.index], proposal.words));
    proposal.document = apply(proposal.edits, policy.document, as_arn, "", {});
    proposals.push_back(std::move(proposal));
  }
  return proposals;
}

std::optional<json::object> edit_template(const Proposal& proposal, const json::object& document,
                                          const std::string& stack, const Resources& resources) {
  const std::vector<json::object> resolved = statements_in(proposal.policy.document);
  const std::vector<json::object> written = statements_in(document);
  if (resolved.size() != written.size()) return std::nullopt;
  for (std::size_t i = 0; i < resolved.size(); ++i)
    for (const std::string_view key : {"Action", "Resource"})
      if (count_of(resolved[i], key) != count_of(written[i], key)) return std::nullopt;
  return apply(proposal.edits, document, as_reference, stack, resources).value_or(json::object{});
}

std::optional<TemplatePolicy> find_in_template(const json::object& tree,
                                               const std::string& role_logical_id,
                                               const std::string& policy_name) {
  const json::object* resources = find_object(tree, "Resources");
  for (const auto& [id, value] : resources == nullptr ? json::object{} : *resources) {
    const json::object* properties =
        value.is_object() ? find_object(value.get_object(), "Properties") : nullptr;
    if (properties == nullptr) continue;
    const json::array* roles = find_array(*properties, "Roles");
    const json::object* document = find_object(*properties, "PolicyDocument");
    if (roles != nullptr && document != nullptr && text(*properties, "PolicyName") == policy_name &&
        std::ranges::any_of(
            *roles, [&](const json::value& each) { return refers_to(each, role_logical_id); }))
      return TemplatePolicy{
          .place = fmt::format("{}.Properties.PolicyDocument", std::string_view(id)),
          .document = *document};
    const json::array* own = find_array(*properties, "Policies");
    if (std::string_view(id) != role_logical_id || own == nullptr) continue;
    for (std::size_t i = 0; i < own->size(); ++i) {
      const json::object* policy = (*own)[i].if_object();
      const json::object* inner =
          policy == nullptr ? nullptr : find_object(*policy, "PolicyDocument");
      if (inner != nullptr && text(*policy, "PolicyName") == policy_name)
        return TemplatePolicy{
            .place = fmt::format("{}.Properties.Policies[{}]", std::string_view(id), i),
            .document = *inner};
    }
  }
  return std::nullopt;
}

std::string cdk_of(const Proposal& proposal, const std::string& role_place,
                   const Resources& resources) {
  std::string out = fmt::format("// {}\n", role_place);
  if (!proposal.document) out += fmt::format("// Remove the policy {}.\n", proposal.policy.ref);
  for (const json::object& statement :
       proposal.document ? statements_in(*proposal.document) : std::vector<json::object>{}) {
    out += fmt::format("role.addToPrincipalPolicy({});", cdk_statement(statement, resources));
    for (const std::string& action : texts_in(statement, "Action"))
      if (const std::string_view grant = grant_for(action); !grant.empty())
        out += fmt::format(" // {} holds {}", grant, action);
    out += '\n';
  }
  return out;
}

}  // namespace kiban::iam::report
