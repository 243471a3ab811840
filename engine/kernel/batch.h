// Everything that one batch decides, until its commit. Internal to the kernel.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "kernel/authoriser.h"
#include "kernel/decision_log.h"
#include "kernel/kernel.h"
#include "kernel/overlay.h"

namespace kiban::kernel {

// The instant in a timer row's key, in milliseconds; nullopt when the key is damaged.
std::optional<std::int64_t> time_of_timer(std::string_view key);

struct Waiting {
  Command command{};
  bool last_attempt{false};
};

// A long poll: runs again when `channel` is notified, at the latest at `until`.
struct Deferred {
  Command command{};
  std::string channel{};
  Timestamp until{};
};

struct Report {
  std::string service{};
  services::Outcome outcome{};
  std::function<void()> committed{};
};

// What Context::count got.
struct Counted {
  std::string account{};
  std::string region{};
  services::MetricDatum datum{};
};

struct Listener {
  std::string_view source{};  // Or "*".
  services::Service* service{nullptr};
};

struct Kernel::Impl {
  store::Store& store;
  std::vector<std::unique_ptr<services::Service>> services;
  std::map<std::string, services::Service*, std::less<>> by_name;
  std::vector<Listener> listeners;
  services::Service* metrics;  // Keeps them; nullptr when none does.
  services::Service* roles;    // Keeps them; nullptr when none does.
  Options options;
  std::unique_ptr<store::Blobs> own_blobs;

  std::deque<Waiting> commands{};
  std::deque<Report> outcomes{};
  std::map<std::uint64_t, Deferred> deferred{};  // In order of arrival.
  std::uint64_t deferred_next{0};
  std::map<std::string, std::string> kept{};  // Rows that the next batch writes.
  std::unique_ptr<Authoriser> authoriser{};
  DecisionLog decisions;
  // No timer row has an earlier time: scans begin here, not in front of what was erased.
  std::int64_t timer_floor{0};
  std::optional<Timestamp> next_due{};
  std::uint64_t effects_version{0};
  bool started{false};
  std::optional<Error> failure{};

  void log(const std::string& message) const {
    if (options.log) options.log(message);
  }
  void refresh_next_due();
};

// Larger blobs are written at once, and the operation that put them fails when the disk is full.
constexpr std::size_t small_blob_bytes = 256UL * 1024;

constexpr std::string_view time_row = "kernel/time";

// What a client reads of our own mistakes; the log has the rest.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html
std::unexpected<Error> internal_failure();
std::string timer_key(Timestamp at, std::string_view service, std::string_view id);
std::string effect_key(std::string_view service, std::string_view id);
// What an effect row holds; nullopt when it is not one of ours.
std::optional<services::Effect> parse_effect(const store::Row& row);

class Kernel::Batch {
 public:
  Batch(Impl& kernel, Timestamp now, const Seed& seed)
      : kernel_(kernel), now_(now), random_(seed), secrets_(seed), rows_(kernel.store) {}

  void start_services();
  void run();
  // One commit, then replies and effects; or the Error and the bad news for everyone.
  Result<void> finish();

 private:
  Result<void> write();
  class OperationContext;
  struct Mark {
    Overlay::Savepoint rows{0};
    std::size_t effects{0};
    std::size_t events{0};
    std::size_t notified{0};
    std::size_t counts{0};
    std::size_t counts_delivered{0};
    std::size_t blobs{0};
  };
  struct Reply {
    std::function<void(Result<json::object>)> to{};
    Result<json::object> value{};
  };

  Mark mark() const;
  void roll_back(const Mark& mark);
  // Runs `body`, never inside another, with a savepoint; an exception undoes it and comes back as
  // an Error.
  Result<json::object> guarded(std::string_view what, OperationContext& context,
                               const std::function<Result<json::object>(services::Context&)>& body);
  // `service` is whose code `body` runs.
  void run_guarded(std::string_view what, std::string_view service, services::Caller caller,
                   const std::function<void(services::Context&)>& body);
  services::Caller service_caller(std::string_view service) const;
  // A timer or an outcome runs in the account and region of whoever asked for it: they are kept in
  // its row unless they are the server's own.
  void keep_place(const services::Caller& caller, json::object& row) const;
  services::Caller take_place(std::string_view service, json::object& row) const;

  void run_command(Waiting waiting);
  void run_outcome(const std::string& service, const services::Outcome& outcome);
  void fire_timers(std::size_t until_fuel);
  void fire(const store::Row& row);
  void deliver_events();
  void deliver(const services::Event& event);
  // Hands over what was counted; inside an operation too, which may still be undone.
  void deliver_counts();
  void deliver_count(const Counted& counted, const services::MetricSum& sum);
  void wake_notified();
  void wake_expired();
  void keep_events();
  // What the authoriser says, recorded. Error: the refusal, in the words of the service of
  // `folder`, where decisions are enforced.
  Result<void> decide(const services::Context& context, std::string_view folder,
                      const services::AccessRequest& request);
  Result<void> note(DecisionRecord record, std::string_view folder);
  // What access.txt says of an operation, all of it.
  Result<void> decide_operation(OperationContext& context, std::string_view folder,
                                std::string_view operation, const json::object& input);
  // Spends a unit; false when there is none.
  bool spend();
  void erase_timer(std::string_view service, std::string_view id);

  Impl& kernel_;
  Timestamp now_;
  Random random_;
  SecretRandom secrets_;
  Overlay rows_;
  std::size_t fuel_{batch_fuel};
  bool timers_changed_{false};     // A due one was set since the last look.
  bool timers_due_{false};         // A due one was set by this batch.
  std::set<std::string> fired_{};  // Keys of the timers that fired in this batch.
  std::vector<services::Effect> effects_{};
  std::vector<services::Event> events_{};
  std::size_t events_delivered_{0};
  std::vector<Counted> counts_{};
  std::size_t counts_delivered_{0};
  bool roles_changed_{false};  // A row of the service that keeps them was written.
  std::vector<std::string> notified_{};
  // Small ones that operations put, by digest: written side by side, in front of the commit. Their
  // number is bounded by the batch's fuel.
  std::vector<std::pair<std::string, std::string>> blobs_{};
  std::vector<Reply> replies_{};
  std::vector<std::function<void()>> committed_{};  // Of outcomes.
};

}  // namespace kiban::kernel
