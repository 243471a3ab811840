// Sessions of the console: a link that works once is exchanged for a cookie that expires.
//
// A session is not stored: its token contains its end, signed with a key derived from the secret of
// the data directory. So it outlives the process, and ends with the data directory.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace kiban::console {

constexpr std::chrono::minutes link_lifetime{10};
constexpr std::chrono::hours session_lifetime{12};
constexpr std::size_t links_max = 32;  // Unused ones; the oldest gives way.

// Used on one thread. Times are the host's: a virtual clock neither ends nor prolongs a session.
class Sessions {
 public:
  // `random_hex` returns 32 random bytes as 64 digits.
  Sessions(std::string_view secret, std::function<std::string()> random_hex);

  // The code of a link, which redeem() takes once within link_lifetime.
  std::string issue_link(Timestamp now);
  // The token of a new session. Error `LinkUsed`: the code is unknown, was used or has expired.
  Result<std::string> redeem(const std::string& code, Timestamp now);
  bool is_valid(std::string_view token, Timestamp now) const;
  // Names the data directory: cookies of 127.0.0.1 are the same for all of its ports.
  const std::string& cookie_name() const { return cookie_name_; }

 private:
  std::string sign(std::string_view text) const;

  std::string key_;
  std::string cookie_name_;
  std::function<std::string()> random_hex_;
  std::map<std::string, Timestamp> links_{};  // SHA-256 of the code to the end of its lifetime.
};

}  // namespace kiban::console
