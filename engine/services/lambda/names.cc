#include "services/lambda/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/arn.h"
#include "services/base/table_service.h"

namespace kiban::services::lambda {
namespace {

constexpr std::size_t page_max = 50;
constexpr std::size_t version_digits = 10;

bool is_number(std::string_view words) {
  return !words.empty() && std::ranges::all_of(words, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::unexpected<Error> invalid(std::string cause) {
  return fail("InvalidParameterValueException", std::move(cause));
}
std::unexpected<Error> conflict(std::string cause) {
  return fail("ResourceConflictException", std::move(cause));
}
std::unexpected<Error> not_found(std::string cause) {
  return fail("ResourceNotFoundException", std::move(cause));
}

std::string region_key(const Context& context, std::string_view rest) {
  return fmt::format("lambda/{}/{}", context.caller().region, rest);
}
std::string function_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("function/{}", name));
}
std::string version_key(const Context& context, std::string_view name, std::string_view version) {
  if (is_number(version) && version.size() < version_digits)
    return region_key(context, fmt::format("version/{}/{:0>10}", name, version));
  return region_key(context, fmt::format("version/{}/{}", name, version));
}
std::string qualified_key(const Context& context, std::string_view kind, std::string_view name,
                          std::string_view qualifier) {
  return region_key(context, fmt::format("{}/{}/{}", kind, name, qualifier));
}

FunctionName split_qualifier(std::string_view words) {
  const std::size_t colon = words.find(':');
  if (colon == std::string_view::npos) return {.name = std::string(words)};
  return {.name = std::string(words.substr(0, colon)),
          .qualifier = std::string(words.substr(colon + 1))};
}

Result<FunctionName> read_name(const Context& context, const json::object& input) {
  const std::string given = text(input, "FunctionName");
  const Caller& caller = context.caller();
  FunctionName function;
  // A name may end with "function": "my-function:live".
  constexpr std::string_view mark = ":function:";
  const std::size_t at = given.starts_with(mark.substr(1)) ? 0 : given.find(mark);
  if (at != std::string::npos) {
    function =
        split_qualifier(std::string_view(given).substr(at + mark.size() - (at == 0 ? 1 : 0)));
    const auto arn = parse_arn(given);
    if (arn && (arn->partition != "aws" || arn->service != "lambda"))
      return not_found(fmt::format("Function not found: {}", given));
    const std::string account = arn ? arn->account : given.substr(0, at == 0 ? 0 : given.find(':'));
    if (arn && arn->region != caller.region)
      return not_found(fmt::format("Functions from '{}' are not reachable in this region ('{}')",
                                   arn->region, caller.region));
    if (!account.empty() && account != caller.account)
      return not_found(fmt::format("Function not found: {}", given));
  } else {
    function = split_qualifier(given);
  }
  const std::string qualifier = text(input, "Qualifier");
  if (!qualifier.empty() && !function.qualifier.empty() && qualifier != function.qualifier)
    return invalid(
        "The derived qualifier from the function name does not match the specified qualifier.");
  if (!qualifier.empty()) function.qualifier = qualifier;
  return function;
}

std::string function_arn(const Context& context, std::string_view name,
                         std::string_view qualifier) {
  return make_arn(context, "lambda",
                  qualifier.empty() ? fmt::format("function:{}", name)
                                    : fmt::format("function:{}:{}", name, qualifier));
}
std::string arn_of(const Context& context, const FunctionName& function) {
  return function_arn(context, function.name, function.qualifier);
}

Result<json::object> load_function(const Context& context, const FunctionName& function) {
  if (auto row = get_json(context, function_key(context, function.name))) return *std::move(row);
  return not_found(fmt::format("Function not found: {}", arn_of(context, function)));
}

bool is_version(std::string_view qualifier) { return qualifier == latest || is_number(qualifier); }

Result<json::object> load_version(const Context& context, const FunctionName& function) {
  std::string version = function.qualifier.empty() ? std::string(latest) : function.qualifier;
  if (!is_version(version)) {
    const auto alias =
        get_json(context, qualified_key(context, "alias", function.name, function.qualifier));
    if (!alias) return not_found(fmt::format("Function not found: {}", arn_of(context, function)));
    version = text(*alias, "FunctionVersion");
  }
  if (auto row = get_json(context, version_key(context, function.name, version)))
    return *std::move(row);
  return not_found(fmt::format("Function not found: {}", arn_of(context, function)));
}

std::string format_modified(Timestamp time) {
  std::string words = format_iso8601(time);
  words.pop_back();
  return words + "+0000";
}

Result<json::object> reply_page(const json::object& input, std::string_view member,
                                const json::array& all) {
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(number(input, "MaxItems", page_max), 1, page_max));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "Marker")));
  json::object reply;
  reply[member] = std::move(page.entries);
  if (page.next_token) reply["NextMarker"] = *page.next_token;
  return reply;
}

}  // namespace kiban::services::lambda
