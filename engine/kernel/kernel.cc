#include "kernel/kernel.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "kernel/batch.h"

namespace kiban::kernel {

namespace {

// Far more than any test has steps, and far fewer than a test has patience for.
constexpr std::uint64_t batches_until_idle_max = 1'000'000;

}  // namespace

Kernel::Kernel(store::Store& store, std::vector<std::unique_ptr<services::Service>> services,
               Options options)
    : impl_(new Impl{.store = store,
                     .services = std::move(services),
                     .by_name = {},
                     .listeners = {},
                     .metrics = nullptr,
                     .roles = nullptr,
                     .options = std::move(options),
                     .own_blobs = nullptr,
                     .decisions = DecisionLog(store)}) {
  for (const auto& service : impl_->services) {
    const auto [at, added] = impl_->by_name.emplace(service->name(), service.get());
    KIBAN_CHECK(added, "two services are called " + at->first);
    for (const std::string_view source : service->event_sources())
      impl_->listeners.push_back({.source = source, .service = service.get()});
    if (service->keeps_metrics()) impl_->metrics = service.get();
    if (service->keeps_policies()) impl_->roles = service.get();
  }
  impl_->authoriser =
      std::make_unique<Authoriser>(impl_->by_name, impl_->roles, impl_->options.decision_steps);
  if (!impl_->options.iam)
    impl_->options.iam = impl_->options.auth == Auth::Sigv4 ? Iam::Enforce : Iam::Observe;
  if (impl_->options.blobs == nullptr) {
    impl_->own_blobs = store::make_memory_blobs();
    impl_->options.blobs = impl_->own_blobs.get();
  }
}

Kernel::~Kernel() = default;

void Kernel::Impl::refresh_next_due() {
  std::string from = fmt::format("timer/{:020}", timer_floor);
  while (true) {
    const std::vector<store::Row> first = store.scan("timer/", from, 1);
    if (first.empty()) {
      next_due.reset();
      return;
    }
    if (const auto time = time_of_timer(first.front().key)) {
      timer_floor = *time;
      next_due = Timestamp{Duration{*time}};
      return;
    }
    from = first.front().key + '\0';  // Damaged: fire_timers drops it, once its batch comes.
  }
}

Result<void> Kernel::start(Timestamp now, const Seed& seed) {
  if (impl_->failure) return std::unexpected(*impl_->failure);
  if (impl_->started) return {};
  impl_->started = true;
  impl_->refresh_next_due();
  const std::vector<services::Effect> pending = pending_effects();
  Batch batch{*impl_, now, seed};
  batch.start_services();
  KIBAN_TRY_VOID(batch.finish());
  if (impl_->options.sink != nullptr)
    for (const services::Effect& effect : pending) impl_->options.sink->perform(effect);
  return {};
}

void Kernel::submit(Command command) {
  if (impl_->failure) {
    if (command.reply)
      command.reply(fail("ServiceUnavailable", "The store failed: " + impl_->failure->cause));
    return;
  }
  impl_->commands.push_back({std::move(command), false});
}

void Kernel::outcome(std::string service, services::Outcome outcome,
                     std::function<void()> committed) {
  impl_->outcomes.push_back({std::move(service), std::move(outcome), std::move(committed)});
}

Result<void> Kernel::run_batch(Timestamp now, const Seed& seed) {
  if (impl_->failure) return std::unexpected(*impl_->failure);
  if (!impl_->started) KIBAN_TRY_VOID(start(now, seed.derive("start")));
  Batch batch{*impl_, now, seed};
  batch.run();
  Result<void> finished = batch.finish();
  if (!finished) {
    // Nobody may wait for an answer that can't come.
    for (Waiting& waiting : std::exchange(impl_->commands, {})) submit(std::move(waiting.command));
    for (auto& [sequence, deferred] : std::exchange(impl_->deferred, {}))
      submit(std::move(deferred.command));
  }
  return finished;
}

void Kernel::keep(std::string key, std::string value) {
  impl_->kept.insert_or_assign(std::move(key), std::move(value));
}

bool Kernel::busy() const {
  return !impl_->commands.empty() || !impl_->outcomes.empty() || !impl_->kept.empty();
}

std::optional<Timestamp> Kernel::next_timer() const {
  std::optional<Timestamp> next = impl_->next_due;
  for (const auto& [sequence, deferred] : impl_->deferred)
    if (!next || deferred.until < *next) next = deferred.until;
  return next;
}

std::vector<WaitingTimer> Kernel::waiting_timers(std::size_t most) const {
  constexpr std::string_view prefix = "timer/";
  constexpr std::size_t digits = 20;
  std::vector<WaitingTimer> waiting;
  const std::string from = fmt::format("{}{:020}", prefix, impl_->timer_floor);
  for (const store::Row& row : impl_->store.scan(prefix, from, most)) {
    const std::string_view rest = std::string_view(row.key).substr(prefix.size() + digits + 1);
    const auto payload = parse_json(row.value);
    if (!payload || !payload->is_object()) continue;
    waiting.push_back({.at = Timestamp{Duration{std::stoll(row.key.substr(prefix.size(), digits))}},
                       .service = std::string(rest.substr(0, rest.find('/'))),
                       .payload = payload->get_object()});
  }
  return waiting;
}

bool Kernel::failed() const { return impl_->failure.has_value(); }

std::size_t Kernel::long_polls() const { return impl_->deferred.size(); }

Timestamp Kernel::run_until_idle(Timestamp now, Timestamp until, const Seed& seed) {
  for (std::uint64_t batches = 0; batches < batches_until_idle_max; ++batches) {
    if (!run_batch(now, seed.derive("batch", batches))) return now;
    if (busy()) continue;
    const std::optional<Timestamp> next = next_timer();
    if (!next || *next > until) return now;
    now = std::max(now, *next);
  }
  KIBAN_CHECK(false, "the kernel is still busy after a million batches");
}

Result<json::object> Kernel::call(std::string service, std::string operation, json::object input,
                                  Timestamp now, const Seed& seed) {
  std::optional<Result<json::object>> answer;
  impl_->commands.push_back(
      {{.service = std::move(service),
        .operation = std::move(operation),
        .input = std::move(input),
        .caller = root(),
        .reply = [&answer](Result<json::object> value) { answer = std::move(value); }},
       true});
  for (std::uint64_t batches = 0; !answer; ++batches) {
    if (const Result<void> ran = run_batch(now, seed.derive("batch", batches)); !ran)
      return std::unexpected(ran.error());
  }
  return *std::move(answer);
}

std::optional<std::string> Kernel::read(std::string_view key) const {
  return impl_->store.get(key);
}

services::Caller Kernel::root() const {
  return {.account = impl_->options.account,
          .region = impl_->options.region,
          .arn = fmt::format("arn:aws:iam::{}:root", impl_->options.account)};
}

std::vector<services::Effect> Kernel::pending_effects() const {
  std::vector<services::Effect> effects;
  for (const store::Row& row : impl_->store.scan("effect/", {}, SIZE_MAX))
    if (std::optional<services::Effect> effect = parse_effect(row))
      effects.push_back(*std::move(effect));
  return effects;
}

std::uint64_t Kernel::effects_version() const { return impl_->effects_version; }

std::string_view iam_name(Iam iam) {
  switch (iam) {
    case Iam::Enforce:
      return "enforce";
    case Iam::Observe:
      return "observe";
    default:
      return "off";
  }
}

std::vector<json::object> Kernel::decisions(const DecisionLog::Query& query) const {
  return impl_->decisions.find(impl_->store, query);
}

const std::deque<DecisionRecord>& Kernel::recent_decisions() const {
  return impl_->decisions.recent();
}

Iam Kernel::iam() const { return impl_->options.iam.value_or(Iam::Observe); }

std::optional<Timestamp> kept_time(const store::Store& store) {
  const std::optional<std::string> row = store.get(time_row);
  std::int64_t time = 0;
  if (!row) return std::nullopt;
  const auto [stop, error] = std::from_chars(row->data(), row->data() + row->size(), time);
  return error == std::errc{} ? std::optional{Timestamp{Duration{time}}} : std::nullopt;
}

}  // namespace kiban::kernel
