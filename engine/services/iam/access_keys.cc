// Access keys of users. The front end reads their rows: a request that such a key signs is the
// user's.
#include <fmt/format.h>

#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

constexpr std::size_t keys_max = 2;  // IAM quota, of a user.
constexpr std::string_view id_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view secret_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::vector<json::object> keys_of(const Context& context, std::string_view user) {
  std::vector<json::object> keys;
  for (json::object& key : list_json(context, access_key_key("")))
    if (text(key, "UserName") == user) keys.push_back(std::move(key));
  return keys;
}

// The user's key that the request names, or NoSuchEntityException.
Result<json::object> load_key(const Context& context, const json::object& input) {
  KIBAN_TRY(const std::string name, named_user(context, input));
  KIBAN_TRY([[maybe_unused]] const json::object user, load(context, user_kind, name));
  const std::string id = text(input, "AccessKeyId");
  auto key = get_json(context, access_key_key(id));
  if (key && text(*key, "UserName") == name) return *std::move(key);
  return fail("NoSuchEntityException",
              fmt::format("The Access Key with id {} cannot be found.", id));
}

Result<json::object> create_key(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string name, named_user(context, input));
  KIBAN_TRY([[maybe_unused]] const json::object user, load(context, user_kind, name));
  if (keys_of(context, name).size() >= keys_max)
    return fail("LimitExceededException",
                fmt::format("Cannot exceed quota for AccessKeysPerUser: {}", keys_max));
  const json::object key{{"UserName", name},
                         {"AccessKeyId", "AKIA" + context.random().pick(id_alphabet, 16)},
                         {"Status", "Active"},
                         {"SecretAccessKey", context.secrets().pick(secret_alphabet, 40)},
                         {"CreateDate", epoch_seconds(context.now())}};
  put_json(context, access_key_key(text(key, "AccessKeyId")), key);
  return json::object{{"AccessKey", key}};
}

Result<json::object> list_keys(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string name, named_user(context, input));
  KIBAN_TRY([[maybe_unused]] const json::object user, load(context, user_kind, name));
  json::array keys;
  for (json::object& key : keys_of(context, name)) {
    key.erase("SecretAccessKey");
    keys.push_back(std::move(key));
  }
  return page_of(keys, "AccessKeyMetadata", input);
}

Result<json::object> update_key(Context& context, const json::object& input) {
  KIBAN_TRY(json::object key, load_key(context, input));
  if (text(input, "Status") == "Expired")
    return fail("ValidationError", "An access key cannot be set to Expired.");
  key["Status"] = text(input, "Status");
  put_json(context, access_key_key(text(input, "AccessKeyId")), key);
  return json::object{};
}

Result<json::object> delete_key(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object key, load_key(context, input));
  context.erase(access_key_key(text(input, "AccessKeyId")));
  return json::object{};
}

}  // namespace

const OperationTable& access_key_operations() {
  static const OperationTable table{
      {"CreateAccessKey", create_key},
      {"DeleteAccessKey", delete_key},
      {"ListAccessKeys", list_keys},
      {"UpdateAccessKey", update_key},
  };
  return table;
}

}  // namespace kiban::services::iam
