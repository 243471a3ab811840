#include "services/lambda/credentials.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

constexpr std::int64_t session_seconds = std::int64_t{6} * 60 * 60;  // Ours, as tasks of ECS.
constexpr double renewed_before = 60 * 60;

// Sessions are named after functions; a session's name has two characters at least.
std::string session_of(const std::string& function) {
  return function.size() < 2 ? function + "-" : function;
}

}  // namespace

std::optional<json::object> credentials_of(Context& context, const std::string& function,
                                           const std::string& role) {
  const std::string key = region_key(context, fmt::format("credentials/{}", function));
  auto row = get_json(context, key);
  if (row && text(*row, "Role") == role &&
      row->at("Ends").to_number<double>() > epoch_seconds(context.now()) + renewed_before)
    return row->at("Credentials").as_object();
  const auto reply = context.call("sts", "AssumeRole",
                                  {{"RoleArn", role},
                                   {"RoleSessionName", session_of(function)},
                                   {"DurationSeconds", session_seconds}},
                                  {.account = context.caller().account,
                                   .region = context.caller().region,
                                   .arn = std::string(principal),
                                   .source_arn = function_arn(context, function),
                                   .acts_for = function_arn(context, function)});
  const json::object* fresh = reply ? find_object(*reply, "Credentials") : nullptr;
  if (!fresh) return std::nullopt;
  const double ends = fresh->at("Expiration").to_number<double>();
  json::object credentials{{"AccessKeyId", fresh->at("AccessKeyId")},
                           {"SecretAccessKey", fresh->at("SecretAccessKey")},
                           {"Token", fresh->at("SessionToken")},
                           {"Expiration", format_iso8601(from_epoch_seconds(ends))}};
  put_json(context, key, {{"Role", role}, {"Ends", ends}, {"Credentials", credentials}});
  return credentials;
}

Result<Caller> caller_of(Context& context, const std::string& function, const std::string& role) {
  return context.assume({.role_arn = role,
                         .principal = std::string(principal),
                         .session_name = session_of(function),
                         .source_arn = function_arn(context, function),
                         .acts_for = function_arn(context, function)});
}

}  // namespace kiban::services::lambda
