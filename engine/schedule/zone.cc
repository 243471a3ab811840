#include "schedule/zone.h"

#include <algorithm>

#include "core/letters.h"

namespace kiban::schedule {

Result<Zone> Zone::load(const std::string& name) {
  absl::TimeZone zone;
  // Abseil also accepts file names, and has its own names for offsets ("Fixed/UTC+09:00:00"). Other
  // files of the zone directory are not zones.
  const bool letters = std::ranges::all_of(name, [](char c) {
    return is_letter_or_digit(c) || c == '/' || c == '_' || c == '-' || c == '+';
  });
  const bool plausible = letters && !name.empty() && name.size() <= 50 && name.front() != '/' &&
                         !name.contains("//") && name != "posixrules" && name != "localtime";
  if (!plausible || !absl::LoadTimeZone(name, &zone)) {
    return fail("ValidationException", "Invalid Schedule Expression Timezone " + name +
                                           ". Write an IANA name, such as Asia/Tokyo or UTC.");
  }
  return Zone(zone);
}

std::string Zone::format(Timestamp time) const {
  const auto instant = absl::FromUnixMillis(time.time_since_epoch().count());
  auto text = absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*S%Ez", instant, zone_);
  if (text.ends_with("+00:00")) text.replace(text.size() - 6, 6, "Z");
  return text;
}

}  // namespace kiban::schedule
