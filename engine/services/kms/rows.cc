#include "services/kms/rows.h"

namespace kiban::services::kms {

std::string key_key(std::string_view region, std::string_view id) {
  return fmt::format("kms/{}/key/{}", region, id);
}

std::string alias_key(std::string_view region, std::string_view name) {
  return fmt::format("kms/{}/alias/{}", region, name);
}

json::object& metadata(json::object& row) { return row.at("Metadata").as_object(); }

std::string id_of(json::object& row) { return text(metadata(row), "KeyId"); }

void save(Context& context, json::object& row) {
  put_json(context, key_key(context.caller().region, id_of(row)), row);
}

Result<json::object> load(const Context& context, const std::string& name) {
  const std::string& region = context.caller().region;
  std::string id = name;
  if (name.starts_with("arn:")) {
    const std::string prefix = fmt::format("arn:aws:kms:{}:{}:", region, context.caller().account);
    if (!name.starts_with(prefix)) return fail("NotFoundException", "Invalid arn " + name);
    id = name.substr(prefix.size());
    if (id.starts_with("key/")) id = id.substr(std::string_view("key/").size());
  }
  if (id.starts_with("alias/")) {
    const auto alias = get_json(context, alias_key(region, id));
    if (!alias) {
      return fail("NotFoundException",
                  fmt::format("Alias {} is not found.", make_arn(context, "kms", id)));
    }
    id = text(*alias, "TargetKeyId");
  }
  auto row = get_json(context, key_key(region, id));
  if (row) return *std::move(row);
  return fail("NotFoundException",
              fmt::format("Key '{}' does not exist", make_arn(context, "kms", "key/" + id)));
}

Result<json::object> load_key(const Context& context, const std::string& name) {
  if (name.starts_with("alias/") || name.find(":alias/") != std::string::npos)
    return fail("NotFoundException", fmt::format("Invalid keyId '{}'", name));
  return load(context, name);
}

Result<json::object> load_live(const Context& context, const std::string& name) {
  KIBAN_TRY(json::object row, load_key(context, name));
  if (text(metadata(row), "KeyState") == "PendingDeletion") {
    return fail("KMSInvalidStateException", text(metadata(row), "Arn") + " is pending deletion.");
  }
  if (text(metadata(row), "KeyManager") == "AWS") {
    return fail("UnsupportedOperationException",
                text(metadata(row), "Arn") + " is managed by AWS: it can't be changed.");
  }
  return row;
}

Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input) {
  const auto limit = static_cast<std::size_t>(number(input, "Limit", 100));
  auto page = paginate(all, limit, find_string(input, "Marker"));
  if (!page) return fail("InvalidMarkerException", page.error().cause);
  json::object out{{member, std::move(page->entries)}, {"Truncated", page->next_token.has_value()}};
  if (page->next_token) out["NextMarker"] = *page->next_token;
  return out;
}

}  // namespace kiban::services::kms
