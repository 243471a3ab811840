#include "core/arn.h"

#include <fmt/format.h>

#include <array>

namespace kiban {

Result<Arn> parse_arn(std::string_view text) {
  std::array<std::string_view, 5> parts{};
  std::string_view rest = text;
  for (std::string_view& part : parts) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos)
      return fail("InvalidArn", fmt::format("'{}' is not an ARN", text));
    part = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  if (parts[0] != "arn" || parts[1].empty() || parts[2].empty() || rest.empty()) {
    return fail("InvalidArn", fmt::format("'{}' is not an ARN", text));
  }
  return Arn{.partition = std::string(parts[1]),
             .service = std::string(parts[2]),
             .region = std::string(parts[3]),
             .account = std::string(parts[4]),
             .resource = std::string(rest)};
}

std::string print_arn(const Arn& arn) {
  return fmt::format("arn:{}:{}:{}:{}:{}", arn.partition, arn.service, arn.region, arn.account,
                     arn.resource);
}

}  // namespace kiban
