// Addresses of e-mail: local part, '@', domain.
#pragma once

#include <algorithm>
#include <string_view>

#include "core/letters.h"

namespace kiban {

// The addr-spec of RFC 5322 without comments, quoted strings and address literals, in the lengths
// of RFC 5321 (4.5.3.1); the domain has two labels at least. No control character, space, comma,
// quote or bracket passes, so an address is safe in a header and in an SMTP command.
constexpr bool is_mail_address(std::string_view address) {
  constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~.";
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || address.size() > 254) return false;
  const std::string_view local = address.substr(0, at);
  std::string_view domain = address.substr(at + 1);
  const bool dots = local.front() == '.' || local.back() == '.' || local.find("..") != local.npos;
  if (dots || !std::ranges::all_of(local, [&](char c) {
        return is_letter_or_digit(c) || marks.find(c) != marks.npos;
      }))
    return false;
  if (domain.find('.') == domain.npos) return false;
  for (;;) {
    const std::size_t dot = std::min(domain.find('.'), domain.size());
    const std::string_view label = domain.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
        !std::ranges::all_of(label, [](char c) { return is_letter_or_digit(c) || c == '-'; }))
      return false;
    if (dot == domain.size()) return true;
    domain.remove_prefix(dot + 1);
  }
}

}  // namespace kiban
