#include "simulate/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/utf8.h"
#include "simulate/faulty_store.h"

namespace kiban::simulate {
namespace {

constexpr std::string_view timer_prefix = "timer/";
constexpr std::string_view effect_prefix = "effect/";
constexpr std::size_t time_digits = 20;

// Of "timer/TIME/SERVICE/ID".
struct TimerKey {
  std::int64_t at{0};
  std::string owner{};  // "SERVICE/ID"
  std::string service{};
};

std::optional<TimerKey> parse_timer(std::string_view key) {
  if (!key.starts_with(timer_prefix)) return std::nullopt;
  key.remove_prefix(timer_prefix.size());
  if (key.size() <= time_digits) return std::nullopt;
  TimerKey timer;
  std::from_chars(key.data(), key.data() + time_digits, timer.at);
  timer.owner = key.substr(time_digits + 1);
  timer.service = timer.owner.substr(0, timer.owner.find('/'));
  return timer;
}

std::string effect_row(const services::Effect& effect) {
  return fmt::format("{}{}/{}", effect_prefix, effect.service, effect.id);
}

}  // namespace

void Ledger::begin_batch(Timestamp now) {
  now_ = now;
  doings_ = {};
}

void Ledger::end_batch() {
  // A batch that writes nothing is not committed. Timers and outcomes always erase a row.
  if (!doings_.outcomes.empty())
    findings_.report("an outcome is heard once", doings_.outcomes.begin()->first +
                                                     " had an outcome in a batch without a commit");
  if (!doings_.timers_fired.empty())
    findings_.report("timers fire once", "a timer of " + doings_.timers_fired.begin()->first +
                                             " fired in a batch without a commit");
}

Result<void> Ledger::commit(const store::Batch& batch) {
  check_timers(batch);
  check_timers_written(batch);
  check_rows(batch);
  check_writes(batch);
  check_outcomes(batch);
  doings_ = {};
  try {
    Result<void> committed = under_.commit(batch);
    if (committed)
      take(batch);
    else
      last_ = batch;
    return committed;
  } catch (const Stopped&) {
    last_ = batch;
    throw;
  }
}

void Ledger::take(const store::Batch& batch) {
  ++commits_;
  for (const auto& [key, value] : batch) {
    trace_.add(key);
    trace_.add(value ? *value : "-");
    if (value)
      rows_.insert_or_assign(key, hash_of(*value));
    else
      rows_.erase(key);
    written_.insert(key);
    if (!key.starts_with(effect_prefix)) continue;
    if (value) {
      ++generations_[key];
      to_hand_over_.insert(key);
    } else {
      to_hand_over_.erase(key);
    }
  }
}

void Ledger::check_outcomes(const store::Batch& batch) {
  const std::string rule = "an outcome is heard once";
  for (const auto& [key, heard] : doings_.outcomes) {
    if (heard > 1)
      findings_.report(rule, fmt::format("the service heard {} final outcomes of {}", heard, key));
    if (!batch.contains(key))
      findings_.report(rule, fmt::format("{} had a final outcome and its row stays", key));
  }
  for (const auto& [key, value] : batch)
    if (!value && key.starts_with(effect_prefix) && rows_.contains(key) &&
        !doings_.outcomes.contains(key))
      findings_.report(rule, fmt::format("the service did not hear the outcome of {}", key));
}

void Ledger::check_timers(const store::Batch& batch) {
  const std::int64_t now = now_.time_since_epoch().count();
  std::map<std::string, std::uint64_t> may_fire;
  std::set<std::string> touched;
  for (const TimerWrite& write : doings_.timers) {
    touched.insert(write.owner);
    if (!write.key.empty() && write.at <= now)
      ++may_fire[write.owner.substr(0, write.owner.find('/'))];
  }
  std::map<std::string, std::uint64_t> fired;
  for (const auto& [key, value] : batch) {
    const auto timer = parse_timer(key);
    if (!timer || value || !rows_.contains(key)) continue;
    if (timer->at > now && !touched.contains(timer->owner))
      findings_.report("timers never fire early", fmt::format("{} fired at {}", to_utf8(key), now));
    if (timer->at > now) continue;
    ++may_fire[timer->service];
    if (!touched.contains(timer->owner)) ++fired[timer->service];
  }
  for (const auto& [service, count] : fired)
    if (service != "kernel" && doings_.timers_fired[service] < count)
      findings_.report("timers fire once",
                       fmt::format("{} heard of {} timers of {} that fired", service,
                                   doings_.timers_fired[service], count));
  for (const auto& [service, heard] : doings_.timers_fired)
    if (heard > may_fire[service])
      findings_.report("timers fire once", fmt::format("{} heard of {} timers when {} fired",
                                                       service, heard, may_fire[service]));
}

void Ledger::check_timers_written(const store::Batch& batch) {
  const std::int64_t now = now_.time_since_epoch().count();
  std::map<std::string, const TimerWrite*> last;
  for (const TimerWrite& write : doings_.timers) last[write.owner] = &write;
  for (const auto& [owner, write] : last)
    if (!write->key.empty() && write->at > now && !after(batch, write->key))
      findings_.report("timers keep their time", to_utf8(write->key) + " was set and has no row");
  for (const auto& [key, value] : batch) {
    const auto timer = parse_timer(key);
    if (!value || !timer || timer->service == "kernel") continue;
    const auto set = last.find(timer->owner);
    if (set == last.end() || set->second->key != key)
      findings_.report("timers keep their time",
                       to_utf8(key) + " was written and no service set it");
  }
}

std::optional<std::uint64_t> Ledger::after(const store::Batch& batch,
                                           const std::string& key) const {
  if (const auto written = batch.find(key); written != batch.end())
    return written->second ? std::optional{hash_of(*written->second)} : std::nullopt;
  const auto known = rows_.find(key);
  return known == rows_.end() ? std::nullopt : std::optional{known->second};
}

// The rows of services are what those of their operations wrote that succeeded, and no other.
void Ledger::check_writes(const store::Batch& batch) {
  std::map<std::string, std::optional<std::uint64_t>> expected;
  for (const Write& write : doings_.writes) expected[write.key] = write.value;
  for (const auto& [key, value] : expected)
    if (after(batch, key) != value)
      findings_.report("a batch is what its operations wrote",
                       to_utf8(key) + " is not what the last operation that wrote it left");
  for (const auto& [key, value] : batch) {
    const bool of_kernel =
        key.starts_with("timer") || key.starts_with("effect/") || key.starts_with("kernel/");
    if (!of_kernel && !expected.contains(key) &&
        (value ? std::optional{hash_of(*value)} : std::nullopt) != after({}, key))
      findings_.report("a batch is what its operations wrote",
                       to_utf8(key) + " was written and no operation that succeeded wrote it");
  }
}

void Ledger::check_rows(const store::Batch& batch) {
  for (const auto& [key, value] : batch) {
    if (!value) continue;
    const bool tree = value->starts_with('{') || value->starts_with('[');
    if (value->empty() || !is_utf8(key) || !is_utf8(*value) || (tree && !parse_json(*value)))
      findings_.report("rows can be read", to_utf8(key) + " was written and can't be read");
  }
}

void Ledger::check_restart(bool durable) {
  if (durable && last_) take(*last_);
  last_.reset();
  std::size_t found = 0;
  std::string after;
  constexpr std::size_t chunk = 5'000;
  to_hand_over_.clear();
  while (true) {
    const std::vector<store::Row> page = under_.scan("", after, chunk);
    for (const store::Row& row : page) {
      const auto known = rows_.find(row.key);
      if (known == rows_.end() || known->second != hash_of(row.value))
        findings_.report("what was acknowledged is there after a restart",
                         to_utf8(row.key) + " is not what was committed");
      ++found;
      if (row.key.starts_with(effect_prefix)) to_hand_over_.insert(row.key);
    }
    if (page.size() < chunk) break;
    after = page.back().key;
  }
  if (found == rows_.size()) return;
  for (const auto& [key, hash] : rows_)
    if (!under_.get(key))
      findings_.report("what was acknowledged is there after a restart",
                       to_utf8(key) + " was committed and is gone");
}

void Ledger::hand_over(const services::Effect& effect) {
  const std::string key = effect_row(effect);
  const auto row = under_.get(key);
  trace_.add("effect");
  trace_.add(key);
  const auto tree = row ? parse_json(*row) : Result<json::value>{json::object{}};
  const json::object* payload =
      tree && tree->is_object() ? find_object(tree->get_object(), "Payload") : nullptr;
  if (payload == nullptr || print_json(*payload) != print_json(effect.payload))
    findings_.report("no effect without its commit",
                     fmt::format("{} {} was handed over, and its row is {}", effect.kind, key,
                                 row ? "another" : "not there"));
  if (to_hand_over_.erase(key) == 0)
    findings_.report("an effect is handed over once",
                     fmt::format("{} {} was handed over again", effect.kind, key));
}

void Ledger::check_handed_over() {
  if (to_hand_over_.empty()) return;
  findings_.report(
      "pending effects are handed over",
      fmt::format("{} and {} others were not", *to_hand_over_.begin(), to_hand_over_.size() - 1));
}

std::uint64_t Ledger::generation(const std::string& key) const {
  const auto found = generations_.find(key);
  return found == generations_.end() ? 0 : found->second;
}

}  // namespace kiban::simulate
