// Finished executions are erased once they ended longer ago than the retention period: Step
// Functions keeps them for 90 days.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
//
// A timer of each region walks the index `started`, a bounded slice a command, so that no commit is
// held up. There is a timer only while the region has executions. An execution goes with its
// history, its map runs and their children; the last one of a deleted machine takes the machine's
// revisions along. A child of a map run is kept as long as its parent. The pass ends with the task
// tokens of executions that were erased, and with activity tasks that no worker took before their
// execution ended.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "services/base/service.h"

namespace kiban::services::states {

class Retention {
 public:
  // nullopt: executions are kept for ever.
  explicit Retention(std::optional<Duration> period) : period_(period) {}

  // Begins a pass in every region that has executions.
  void on_start(Context& context);
  // An execution ended in `region`: there must be a timer.
  void on_ended(Context& context, const std::string& region, const std::string& account);
  // {"Retention": {"After": key of the row behind which the slice begins}}, in the region of the
  // caller.
  void on_timer(Context& context, const json::object& payload);

 private:
  // How long after a pass the next one begins.
  Duration interval() const;
  void set_timer(Context& context, const std::string& region, const std::string& account,
                 Timestamp at, const std::string& after);

  std::optional<Duration> period_;
  std::set<std::string, std::less<>> armed_{};  // Regions that have a timer.
};

// Member of an execution's row while it is erased in several slices: the API does not show it.
constexpr std::string_view erasing_member = "erasing";

}  // namespace kiban::services::states
