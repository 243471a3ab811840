// Schedule expressions of EventBridge rules and of EventBridge Scheduler, and when they fire.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
//
//   rate(5 minutes)            every 5 minutes from the anchor on; of a rule 1 takes the singular,
//                              Scheduler takes either: its user guide writes rate(1 days)
//   cron(0 17 * * ? *)         see schedule/cron.h; a rule reads it in UTC, a schedule in its zone
//   at(2026-11-24T17:00:00)    once, of Scheduler alone, in its zone
#pragma once

#include <absl/time/civil_time.h>

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "schedule/cron.h"
#include "schedule/zone.h"

namespace kiban::schedule {

enum class Dialect : std::uint8_t { Rule, Scheduler };

struct Rate {
  Duration period{};
};
struct At {
  absl::CivilSecond time{};
};

class Expression {
 public:
  // Errors: ValidationException, of a rule "Parameter ScheduleExpression is not valid." (as
  // PutRule), of Scheduler "Invalid Schedule Expression TEXT."; the reason behind it is ours.
  static Result<Expression> parse(std::string_view text, Dialect dialect);

  // The first firing strictly after that instant; nullopt when there is none. The zone applies to
  // cron and at; the anchor (when the rule was created or enabled, or the start date) to rate,
  // whose first firing is one period after it. An at() in the hour that a time zone skips fires at
  // the change; one in a repeated hour fires the first time (our choice).
  std::optional<Timestamp> next(Timestamp after, const Zone& zone, Timestamp anchor) const;

  // At most `count` of them, in order.
  std::vector<Timestamp> next_few(Timestamp after, const Zone& zone, Timestamp anchor,
                                  std::size_t count) const;

  bool is_rate() const { return std::holds_alternative<Rate>(schedule_); }
  bool is_once() const { return std::holds_alternative<At>(schedule_); }

 private:
  std::variant<Rate, Cron, At> schedule_{};
};

}  // namespace kiban::schedule
