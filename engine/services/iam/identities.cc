// What users, groups and roles have alike: inline and attached policies, tags and boundaries.
#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

template <const Kind& kind>
void keep(Context& context, const json::object& input, const json::object& row) {
  put_json(context, entity_key(kind, text(input, kind.member)), row);
}

// Inline policies --------------------------------------------------------------------------------

template <const Kind& kind>
Result<json::object> put_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  KIBAN_TRY_VOID(check_document(text(input, "PolicyDocument"), PolicyKind::Identity));
  json::object& policies = row["Policies"].as_object();
  policies[text(input, "PolicyName")] = text(input, "PolicyDocument");
  std::size_t size = 0;
  for (const auto& [name, document] : policies)
    size += size_of_document(std::string_view(document.as_string()));
  if (size > kind.inline_bytes_max)
    return fail("LimitExceededException",
                fmt::format("Maximum policy size of {} bytes exceeded for {} {}",
                            kind.inline_bytes_max, kind.name, text(input, kind.member)));
  keep<kind>(context, input, row);
  return json::object{};
}

std::unexpected<Error> no_such_policy(const Kind& kind, const json::object& input) {
  return fail("NoSuchEntityException", fmt::format("The {} policy with name {} cannot be found.",
                                                   kind.name, text(input, "PolicyName")));
}

template <const Kind& kind>
Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, kind, input));
  const json::string* document =
      find_string(row.at("Policies").as_object(), text(input, "PolicyName"));
  if (document == nullptr) return no_such_policy(kind, input);
  return json::object{{kind.member, text(input, kind.member)},
                      {"PolicyName", text(input, "PolicyName")},
                      {"PolicyDocument", api::encode_uri(*document)}};
}

template <const Kind& kind>
Result<json::object> delete_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  if (row["Policies"].as_object().erase(text(input, "PolicyName")) == 0)
    return no_such_policy(kind, input);
  keep<kind>(context, input, row);
  return json::object{};
}

template <const Kind& kind>
Result<json::object> list_policies(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, kind, input));
  json::array names;
  for (const auto& [name, document] : row.at("Policies").as_object()) names.push_back(name);
  return page_of(names, "PolicyNames", input);
}

// Attached policies ------------------------------------------------------------------------------

template <const Kind& kind>
Result<json::object> attach(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY_VOID(check_attachable(context, arn));
  json::array& attached = row["Attached"].as_array();
  constexpr std::size_t attached_max = 10;
  if (!has_attached(row, arn)) {
    if (attached.size() >= attached_max)
      return fail("LimitExceededException", fmt::format("Cannot exceed quota for PoliciesPer{}: {}",
                                                        kind.title, attached_max));
    attached.emplace_back(arn);
  }
  keep<kind>(context, input, row);
  return json::object{};
}

template <const Kind& kind>
Result<json::object> detach(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  json::array& attached = row["Attached"].as_array();
  const auto found = std::ranges::find(attached, json::value(text(input, "PolicyArn")));
  if (found == attached.end())
    return fail("NoSuchEntityException",
                fmt::format("Policy {} was not found.", text(input, "PolicyArn")));
  attached.erase(found);
  keep<kind>(context, input, row);
  return json::object{};
}

// "/team/" of arn:aws:iam::000000000000:policy/team/NAME.
std::string path_of(std::string_view policy_arn) {
  const std::size_t start = policy_arn.find('/');
  return std::string(policy_arn.substr(start, policy_arn.rfind('/') + 1 - start));
}

template <const Kind& kind>
Result<json::object> list_attached(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, kind, input));
  json::array list;
  for (const json::value& arn : row.at("Attached").as_array()) {
    const std::string name = to_string(arn.as_string());
    if (!path_of(name).starts_with(text(input, "PathPrefix", "/"))) continue;
    list.push_back(
        json::object{{"PolicyName", name.substr(name.rfind('/') + 1)}, {"PolicyArn", name}});
  }
  return page_of(list, "AttachedPolicies", input);
}

// One page over roles, then users, then groups, each in the list of its kind.
Result<json::object> list_entities(Context& context, const json::object& input) {
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY_VOID(check_attachable(context, arn));
  const std::string usage = text(input, "PolicyUsageFilter");
  const std::string filter = text(input, "EntityFilter");
  json::array all;
  for (const Kind* kind : {&role_kind, &user_kind, &group_kind}) {
    if (!filter.empty() && filter != kind->title) continue;
    const std::string id = fmt::format("{}Id", kind->title);
    for (const json::object& row : list_json(context, entity_key(*kind, ""))) {
      const bool permits = usage != "PermissionsBoundary" && has_attached(row, arn);
      const bool bounds = usage != "PermissionsPolicy" && has_boundary(row, arn);
      if (!permits && !bounds) continue;
      if (!text(row, "Path").starts_with(text(input, "PathPrefix", "/"))) continue;
      all.push_back(json::object{{kind->member, row.at(kind->member)}, {id, row.at(id)}});
    }
  }
  KIBAN_TRY(json::object page, page_of(all, "Entities", input));
  for (const Kind* kind : {&role_kind, &user_kind, &group_kind}) {
    json::array own;
    for (const json::value& entity : page.at("Entities").as_array())
      if (entity.as_object().contains(kind->member)) own.push_back(entity);
    page[fmt::format("Policy{}s", kind->title)] = std::move(own);
  }
  page.erase("Entities");
  return page;
}

// Tags -------------------------------------------------------------------------------------------

template <const Kind& kind>
Result<json::object> tag(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  KIBAN_TRY_VOID(add_tags(row, *find_array(input, "Tags")));
  keep<kind>(context, input, row);
  return json::object{};
}

template <const Kind& kind>
Result<json::object> untag(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  remove_tags(row, *find_array(input, "TagKeys"));
  keep<kind>(context, input, row);
  return json::object{};
}

template <const Kind& kind>
Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, kind, input));
  return page_of(row.at("Tags").as_array(), "Tags", input);
}

// Boundaries -------------------------------------------------------------------------------------

template <const Kind& kind>
Result<json::object> put_boundary(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  KIBAN_TRY_VOID(check_attachable(context, text(input, "PermissionsBoundary")));
  set_boundary(row, input);
  keep<kind>(context, input, row);
  return json::object{};
}

template <const Kind& kind>
Result<json::object> delete_boundary(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  if (row.erase("PermissionsBoundary") == 0)
    return fail("NoSuchEntityException", fmt::format("{} {} does not have a permissions boundary.",
                                                     kind.title, text(input, kind.member)));
  keep<kind>(context, input, row);
  return json::object{};
}

}  // namespace

const OperationTable& identity_operations() {
  static const OperationTable table{
      {"AttachGroupPolicy", attach<group_kind>},
      {"AttachRolePolicy", attach<role_kind>},
      {"AttachUserPolicy", attach<user_kind>},
      {"DeleteGroupPolicy", delete_policy<group_kind>},
      {"DeleteRolePermissionsBoundary", delete_boundary<role_kind>},
      {"DeleteRolePolicy", delete_policy<role_kind>},
      {"DeleteUserPermissionsBoundary", delete_boundary<user_kind>},
      {"DeleteUserPolicy", delete_policy<user_kind>},
      {"DetachGroupPolicy", detach<group_kind>},
      {"DetachRolePolicy", detach<role_kind>},
      {"DetachUserPolicy", detach<user_kind>},
      {"GetGroupPolicy", get_policy<group_kind>},
      {"GetRolePolicy", get_policy<role_kind>},
      {"GetUserPolicy", get_policy<user_kind>},
      {"ListAttachedGroupPolicies", list_attached<group_kind>},
      {"ListAttachedRolePolicies", list_attached<role_kind>},
      {"ListAttachedUserPolicies", list_attached<user_kind>},
      {"ListEntitiesForPolicy", list_entities},
      {"ListGroupPolicies", list_policies<group_kind>},
      {"ListRolePolicies", list_policies<role_kind>},
      {"ListRoleTags", list_tags<role_kind>},
      {"ListUserPolicies", list_policies<user_kind>},
      {"ListUserTags", list_tags<user_kind>},
      {"PutGroupPolicy", put_policy<group_kind>},
      {"PutRolePermissionsBoundary", put_boundary<role_kind>},
      {"PutRolePolicy", put_policy<role_kind>},
      {"PutUserPermissionsBoundary", put_boundary<user_kind>},
      {"PutUserPolicy", put_policy<user_kind>},
      {"TagRole", tag<role_kind>},
      {"TagUser", tag<user_kind>},
      {"UntagRole", untag<role_kind>},
      {"UntagUser", untag<user_kind>},
  };
  return table;
}

}  // namespace kiban::services::iam
