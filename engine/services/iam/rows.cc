#include "services/iam/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/letters.h"
#include "services/base/tags.h"
#include "services/iam/managed_policies.h"

namespace kiban::services::iam {

std::string role_key(std::string_view name) { return fmt::format("iam/role/{}", name); }
std::string policy_key(std::string_view arn) { return fmt::format("iam/policy/{}", arn); }

Result<json::object> load_role(const Context& context, std::string_view name) {
  auto row = get_json(context, role_key(name));
  if (row) return *std::move(row);
  return fail("NoSuchEntityException", fmt::format("The role with name {} cannot be found.", name));
}

std::vector<json::object> roles_with(const Context& context, std::string_view policy_arn) {
  std::vector<json::object> out;
  for (json::object& row : list_json(context, role_key(""))) {
    const json::array& attached = row.at("Attached").as_array();
    if (std::ranges::find(attached, json::value(policy_arn)) != attached.end()) {
      out.push_back(std::move(row));
    }
  }
  return out;
}

std::string make_id(Context& context, std::string_view prefix) {
  return fmt::format("{}{}", prefix, context.random().pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17));
}

std::string make_global_arn(const Context& context, std::string_view kind, std::string_view path,
                            std::string_view name) {
  return fmt::format("arn:aws:iam::{}:{}{}{}", context.caller().account, kind, path, name);
}

Result<void> check_document(std::string_view document, PolicyKind kind) {
  KIBAN_TRY([[maybe_unused]] const json::object policy,
            read_policy(document, kind, "MalformedPolicyDocumentException"));
  return {};
}

std::size_t size_of_document(std::string_view document) {
  return static_cast<std::size_t>(std::ranges::count_if(
      document, [](char c) { return c != ' ' && c != '\n' && c != '\t' && c != '\r'; }));
}

Result<void> check_managed_document(std::string_view document) {
  constexpr std::size_t size_max = 6'144;
  KIBAN_TRY_VOID(check_document(document, PolicyKind::Identity));
  if (size_of_document(document) <= size_max) return {};
  return fail("LimitExceededException",
              fmt::format("Cannot exceed quota for PolicySize: {}", size_max));
}

Result<void> check_trust(const Context& context, std::string_view document) {
  constexpr std::size_t size_max = 2'048;
  KIBAN_TRY(const json::object policy,
            read_policy(document, PolicyKind::Trust, "MalformedPolicyDocumentException"));
  if (size_of_document(document) > size_max)
    return fail("LimitExceededException",
                fmt::format("Cannot exceed quota for ACLSizePerRole: {}", size_max));
  const std::string own = fmt::format("arn:aws:iam::{}:role/", context.caller().account);
  for (const json::value& statement : statements_of(policy)) {
    const json::object* principal = find_object(statement.as_object(), "Principal");
    for (const json::value& value : principal ? listed(*principal, "AWS") : json::array{}) {
      const std::string arn = to_string(value.as_string());
      if (!arn.starts_with(own)) continue;
      const auto role = get_json(context, role_key(arn.substr(arn.rfind('/') + 1)));
      if (role && text(*role, "Arn") == arn) continue;
      return fail("MalformedPolicyDocumentException",
                  fmt::format("Invalid principal in policy: \"AWS\":\"{}\"", arn));
    }
  }
  return {};
}

std::optional<std::string> managed_document(const Context& context, std::string_view arn) {
  constexpr std::string_view aws = "arn:aws:iam::aws:policy/";
  if (arn.starts_with(aws)) {
    const auto all = managed_policies();
    const auto found =
        std::ranges::lower_bound(all, arn.substr(aws.size()), {}, &ManagedPolicy::name);
    if (found == all.end() || found->name != arn.substr(aws.size())) return std::nullopt;
    return std::string(found->document);
  }
  const auto row = get_json(context, policy_key(arn));
  if (!row) return std::nullopt;
  for (const json::value& version : row->at("Versions").as_array())
    if (version.at("IsDefaultVersion").as_bool()) return text(version.as_object(), "Document");
  return std::nullopt;
}

Result<void> check_attachable(const Context& context, std::string_view arn) {
  if (arn.starts_with("arn:aws:iam::aws:policy/") || context.get(policy_key(arn))) return {};
  return fail("NoSuchEntityException",
              fmt::format("Policy {} does not exist or is not attachable.", arn));
}

Result<void> check_new_tags(const json::array& tags) {
  std::set<std::string> keys;
  for (const json::value& tag : tags) {
    if (keys.insert(lower_case(text(tag.as_object(), "Key"))).second) continue;
    return fail("InvalidInputException",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  return {};
}

Result<void> add_tags(json::object& row, const json::array& tags) {
  KIBAN_TRY_VOID(check_new_tags(tags));
  if (!row.contains("Tags")) row["Tags"] = json::array{};
  json::array& own = row["Tags"].as_array();
  for (const json::value& tag : tags) {
    const std::string key = text(tag.as_object(), "Key");
    const auto same = std::ranges::find_if(own, [&](const json::value& other) {
      return same_letters(text(other.as_object(), "Key"), key);
    });
    if (same != own.end())
      *same = tag;
    else
      own.push_back(tag);
  }
  if (!too_many_tags(own)) return {};
  return fail("LimitExceededException", "The number of tags has reached the maximum limit.");
}

void remove_tags(json::object& row, const json::array& keys) {
  json::array kept;
  const json::array* own = find_array(row, "Tags");
  for (const json::value& tag : own ? *own : json::array{}) {
    const std::string key = text(tag.as_object(), "Key");
    const bool named = std::ranges::any_of(keys, [&](const json::value& one) {
      return one.is_string() && same_letters(std::string_view(one.get_string()), key);
    });
    if (!named) kept.push_back(tag);
  }
  row["Tags"] = std::move(kept);
}

Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input) {
  const auto limit = static_cast<std::size_t>(number(input, "MaxItems", 100));
  auto page = paginate(all, limit, find_string(input, "Marker"));
  if (!page) return fail("InvalidInputException", page.error().cause);
  json::object out{{member, page->entries}, {"IsTruncated", page->next_token.has_value()}};
  if (page->next_token) out["Marker"] = *page->next_token;
  return out;
}

}  // namespace kiban::services::iam
