#include "services/ecr/service.h"

#include <fmt/format.h>

#include <charconv>

#include "api/codec.h"
#include "services/base/resource_access.h"
#include "services/ecr/rows.h"
#include "store/blobs.h"

namespace kiban::services::ecr {
namespace {

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
constexpr auto token_lifetime = std::chrono::hours{12};

std::string sign(std::string_view key, std::string_view text) {
  return store::sha256_hex(
      fmt::format("{} {}", key, store::sha256_hex(fmt::format("{} {}", key, text))));
}

Result<json::object> get_authorization_token(Context& context, const json::object& input) {
  const std::string& account = context.caller().account;
  const json::array* given = find_array(input, "registryIds");
  const json::array registries = given ? *given : json::array{json::string(account)};
  if (!context.get(token_key_row)) context.put(token_key_row, context.secrets().hex(64));
  const std::string key = *context.get(token_key_row);
  const Timestamp expires = context.now() + token_lifetime;
  json::array all;
  for (const json::value& registry : registries) {
    if (registry.as_string() != account)
      return invalid_parameter("registryIds",
                               fmt::format("kiban serves registry {} only", account));
    const std::string text = fmt::format("{}|{}|{}", expires.time_since_epoch().count(),
                                         context.caller().region, context.caller().arn);
    const std::string password = api::encode_base64(fmt::format("{}|{}", text, sign(key, text)));
    all.push_back({{"authorizationToken", api::encode_base64("AWS:" + password)},
                   {"expiresAt", epoch_seconds(expires)},
                   {"proxyEndpoint", context.endpoint()}});
  }
  return json::object{{"authorizationData", std::move(all)}};
}

class Ecr final : public TableService {
 public:
  Ecr() : TableService("ecr", all_operations()) {}
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    constexpr std::string_view kind = "repository/";
    const std::string_view named = resource_part(arn);
    if (!named.starts_with(kind)) return {.arn = std::string(arn)};
    const auto row = get_json(context, repository_key(context, named.substr(kind.size())));
    return resource_of_row(arn, row, "tags", "policyText");
  }

 private:
  static const OperationTable& all_operations() {
    static const OperationTable table = [] {
      OperationTable all = {{"GetAuthorizationToken", get_authorization_token}};
      for (const OperationTable* part :
           {&repository_operations(), &image_operations(), &put_operations()})
        all.insert(part->begin(), part->end());
      return all;
    }();
    return table;
  }
};

}  // namespace

std::optional<Token> read_token(std::string_view key, std::string_view password) {
  const Result<std::string> decoded = api::decode_base64(password);
  if (!decoded || key.empty()) return std::nullopt;
  const std::size_t end = decoded->rfind('|');
  if (end == std::string::npos) return std::nullopt;
  const std::string_view text = std::string_view(*decoded).substr(0, end);
  if (sign(key, text) != decoded->substr(end + 1)) return std::nullopt;
  const std::size_t first = text.find('|');
  const std::size_t second = text.find('|', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  std::int64_t expires = 0;
  std::from_chars(text.data(), text.data() + first, expires);
  return Token{.caller = std::string(text.substr(second + 1)),
               .region = std::string(text.substr(first + 1, second - first - 1)),
               .expires = Timestamp{Duration{expires}}};
}

std::unique_ptr<Service> make_ecr() { return std::make_unique<Ecr>(); }

}  // namespace kiban::services::ecr
