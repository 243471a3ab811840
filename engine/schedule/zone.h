// Time zones by their IANA name, through Abseil, which reads the system's tzdata once a name and
// keeps it: apart from that first reading everything here is pure.
#pragma once

#include <absl/time/time.h>

#include <string>

#include "core/result.h"
#include "core/time.h"

namespace kiban::schedule {

class Zone {
 public:
  Zone() : zone_(absl::UTCTimeZone()) {}
  // ValidationException when the zone does not exist.
  static Result<Zone> load(const std::string& name);

  const absl::TimeZone& absl_zone() const { return zone_; }
  std::string name() const { return zone_.name(); }
  // 2026-11-25T02:00:00+09:00, or with Z in UTC.
  std::string format(Timestamp time) const;

 private:
  explicit Zone(absl::TimeZone zone) : zone_(zone) {}
  absl::TimeZone zone_;
};

}  // namespace kiban::schedule
