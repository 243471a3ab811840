#include "schedule/zone.h"

namespace kiban::schedule {

Result<Zone> Zone::load(const std::string& name) {
  absl::TimeZone zone;
  // Abseil also takes file names, and tells of offsets in names of its own ("Fixed/UTC+09:00:00").
  const bool plausible = !name.empty() && name.front() != '/' &&
                         name.find(':') == std::string::npos &&
                         name.find("..") == std::string::npos && name.size() <= 50;
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
