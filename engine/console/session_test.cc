#include "console/session.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace kiban::console {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Timestamp now{Duration{1'764'000'000'000}};

std::function<std::string()> counter(int start = 0) {
  return [next = start]() mutable { return fmt::format("{:064x}", ++next); };
}

TEST(Sessions, ALinkWorksOnceWithinItsLifetime) {
  Sessions sessions{"secret", counter()};
  const std::string code = sessions.issue_link(now);
  const auto token = sessions.redeem(code, now + minutes{9});
  ASSERT_TRUE(token);
  EXPECT_TRUE(sessions.is_valid(*token, now + minutes{10}));
  const auto again = sessions.redeem(code, now + minutes{9});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().name, "LinkUsed");

  const std::string late = sessions.issue_link(now);
  EXPECT_FALSE(sessions.redeem(late, now + link_lifetime));
  EXPECT_FALSE(sessions.redeem(late, now)) << "a link that came too late is spent";
  EXPECT_FALSE(sessions.redeem("", now));
  EXPECT_FALSE(sessions.redeem(std::string(64, '0'), now));
}

TEST(Sessions, TheOldestUnusedLinkGivesWay) {
  Sessions sessions{"secret", counter()};
  const std::string first = sessions.issue_link(now);
  std::string last;
  for (std::size_t i = 0; i < links_max; ++i)
    last = sessions.issue_link(now + seconds{static_cast<int>(i) + 1});
  EXPECT_FALSE(sessions.redeem(first, now + minutes{1}));
  EXPECT_TRUE(sessions.redeem(last, now + minutes{1}));
}

TEST(Sessions, ATokenExpiresAndIsNotForged) {
  Sessions sessions{"secret", counter()};
  const std::string token = *sessions.redeem(sessions.issue_link(now), now);
  EXPECT_TRUE(sessions.is_valid(token, now + session_lifetime - seconds{1}));
  EXPECT_FALSE(sessions.is_valid(token, now + session_lifetime));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == '1' ? '2' : '1';
    EXPECT_FALSE(sessions.is_valid(forged, now)) << "changed at " << i;
  }
  for (const char* bad : {"", ".", "..", "1.2.3", "9999999999999.x."})
    EXPECT_FALSE(sessions.is_valid(bad, now)) << bad;
}

TEST(Sessions, ATokenIsOfOneDataDirectory) {
  Sessions sessions{"secret", counter()};
  const std::string token = *sessions.redeem(sessions.issue_link(now), now);
  const Sessions same{"secret", counter(7)};  // After a restart.
  const Sessions other{"another", counter()};
  EXPECT_TRUE(same.is_valid(token, now));
  EXPECT_FALSE(other.is_valid(token, now));
  EXPECT_EQ(same.cookie_name(), sessions.cookie_name());
  EXPECT_NE(other.cookie_name(), sessions.cookie_name());
}

}  // namespace
}  // namespace kiban::console
