#include "services/states/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/arn.h"
#include "services/base/table_service.h"

namespace kiban::services::states {

std::string row_key(const Context& context, std::string_view kind, std::string_view name) {
  return fmt::format("states/{}/{}/{}", context.caller().region, kind, name);
}

Result<void> check_name(std::string_view name) {
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
  constexpr std::string_view forbidden = " \t\n\r<>{}[]?*\"#%\\^|~`$&,;:/";
  const bool good = !name.empty() && name.size() <= 80 && std::ranges::none_of(name, [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F || forbidden.find(c) != std::string_view::npos;
  });
  if (good) return {};
  return fail("InvalidName", fmt::format("Invalid Name: '{}'", name));
}

Result<std::string> resource_of(std::string_view arn, std::string_view kind) {
  const auto parsed = parse_arn(arn);
  if (!parsed || parsed->service != "states")
    return fail("InvalidArn", fmt::format("Invalid Arn: 'Invalid ARN prefix: {}'", arn));
  const std::string prefix = fmt::format("{}:", kind);
  if (!parsed->resource.starts_with(prefix))
    return fail("InvalidArn",
                fmt::format("Invalid Arn: 'Resource type not valid in this context: {}'",
                            parsed->resource.substr(0, parsed->resource.find(':'))));
  return parsed->resource.substr(prefix.size());
}

std::string execution_path(std::string_view execution_arn) {
  const auto parsed = parse_arn(execution_arn);
  if (!parsed) return {};
  std::string path = parsed->resource.substr(parsed->resource.find(':') + 1);
  // A child's MACHINE/LABEL:NAME must not fall among the rows of an execution called LABEL.
  std::ranges::replace(path, '/', '~');
  std::ranges::replace(path, ':', '/');
  return path;
}

std::string page_token(std::string_view place) {
  std::string token;
  for (const char c : place) token += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return token;
}

Result<std::string> page_place(const json::object& input) {
  const std::string token = text(input, "nextToken");
  std::string place;
  for (std::size_t at = 0; at < token.size(); at += 2) {
    unsigned byte = 0;
    const std::size_t end = std::min(at + 2, token.size());
    const auto read = std::from_chars(token.data() + at, token.data() + end, byte, 16);
    if (read.ec != std::errc{} || read.ptr != token.data() + at + 2)
      return fail("InvalidToken", fmt::format("Invalid Token: '{}'", token));
    place += static_cast<char>(byte);
  }
  return place;
}

std::size_t page_size(const json::object& input, std::size_t limit_default) {
  const auto asked = static_cast<std::size_t>(number(input, "maxResults", 0));
  return asked == 0 ? limit_default : asked;
}

Result<json::object> page_of_rows(const Context& context, const json::object& input,
                                  std::string_view member, std::string_view prefix,
                                  const EntryOf& entry) {
  KIBAN_TRY(Page page, services::page_of_rows(context, prefix, page_size(input, 100),
                                              find_string(input, "nextToken"), entry));
  json::object reply{{member, std::move(page.entries)}};
  if (page.next_token) reply["nextToken"] = *std::move(page.next_token);
  return reply;
}

Result<json::object> page_of(const json::object& input, std::string_view member,
                             const json::array& all, std::size_t limit_default) {
  const auto page = paginate(all, page_size(input, limit_default), find_string(input, "nextToken"));
  if (!page)
    return fail("InvalidToken", fmt::format("Invalid Token: '{}'", text(input, "nextToken")));
  json::object reply{{member, page->entries}};
  if (page->next_token) reply["nextToken"] = *page->next_token;
  return reply;
}

}  // namespace kiban::services::states
