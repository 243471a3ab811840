// arn:partition:service:region:account:resource
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban {

struct Arn {
  std::string partition{"aws"};
  std::string service{};
  std::string region{};
  std::string account{};
  std::string resource{};  // All behind the fifth colon, colons and slashes included.

  bool operator==(const Arn&) const = default;
};

// Error `InvalidArn`; https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
Result<Arn> parse_arn(std::string_view text);
std::string print_arn(const Arn& arn);

}  // namespace kiban
