#include "services/iam/rows.h"

#include <fmt/format.h>

#include <algorithm>

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

Result<void> check_document(std::string_view document) {
  const auto parsed = parse_json(document);
  const bool has_statement =
      parsed && parsed->is_object() && parsed->get_object().contains("Statement");
  if (has_statement) return {};
  return fail("MalformedPolicyDocumentException",
              parsed ? std::string("The policy must be a JSON object with a Statement.")
                     : fmt::format("This policy contains invalid Json: {}", parsed.error().cause));
}

Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input) {
  const auto limit = static_cast<std::size_t>(number(input, "MaxItems", 100));
  auto page = paginate(all, limit, find_string(input, "Marker"));
  if (!page) return fail("ValidationError", page.error().cause);
  json::object out{{member, page->entries}, {"IsTruncated", page->next_token.has_value()}};
  if (page->next_token) out["Marker"] = *page->next_token;
  return out;
}

}  // namespace kiban::services::iam
