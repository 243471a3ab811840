#include "simulate/world.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/validate.h"
#include "simulate/observer.h"

namespace kiban::simulate {
namespace {

constexpr std::size_t batches_per_drain_max = 500;
constexpr std::size_t batches_per_step_max = 1'500;
constexpr std::size_t histories_per_step = 12;
// Machines and rules that start one another grow without end: the clock is not advanced then.
constexpr std::size_t rows_max = 30'000;

using namespace std::chrono_literals;

// Replaces {"kiban:Bytes": text} by the codec's form of a streaming member.
void store_bytes(json::value& value, store::Blobs& blobs) {
  if (value.is_array())
    for (json::value& each : value.get_array()) store_bytes(each, blobs);
  if (!value.is_object()) return;
  if (const json::string* bytes = find_string(value.get_object(), "kiban:Bytes")) {
    const std::string text = to_string(*bytes);
    const auto digest = blobs.put(text);
    value = {{"Digest", digest.value_or("")}, {"Size", text.size()}};
    return;
  }
  for (auto& member : value.get_object()) store_bytes(member.value(), blobs);
}

}  // namespace

World::World(const Options& options, Tell tell)
    : options_(options),
      tell_(std::move(tell)),
      seed_(options.seed),
      store_(options.mutation, seed_.derive("store")),
      ledger_(store_, findings_, trace_),
      hosts_(seed_.derive("hosts")),
      mutated_{.mutation = options.mutation, .random = Random{seed_.derive("mutation")}},
      histories_(findings_, coverage_) {
  mutated_.hand_over = [this](const services::Effect& effect) { perform(effect); };
  start_process();
}

Seed World::next_seed() {
  constexpr std::uint64_t batches_of_a_step = 1'000'000;
  return seed_.derive("batch", step_ * batches_of_a_step + ++seeds_drawn_);
}

void World::start_process() {
  std::vector<std::unique_ptr<services::Service>> all;
  for (std::unique_ptr<services::Service>& service : options_.make_services()) {
    const bool mutated = options_.mutation != Mutation::None;
    if (mutated) service = mutate_service(std::move(service), mutated_);
    service = observe(std::move(service), ledger_.doings());
    if (mutated) service = mutate_kernel(std::move(service), mutated_);
    all.push_back(std::move(service));
  }
  kernel::Options options{.blobs = blobs_.get(), .sink = this};
  options.log = [this](const std::string& line) {
    findings_.report("the engine makes no mistakes", line);
  };
  kernel_ = std::make_unique<kernel::Kernel>(ledger_, std::move(all), options);
  ledger_.begin_batch(now_);
  starting_ = true;
  if (const auto started = kernel_->start(now_, next_seed()); !started)
    findings_.report("the engine starts", started.error().cause);
  starting_ = false;
  ledger_.check_handed_over();
}

void World::restart() {
  kernel_.reset();
  hosts_.on_restart();
  stops_among_effects_ = false;
  ledger_.check_restart(store_.restart());
  ++coverage_.counts["restarts"];
  if (tell_) tell_("  the process stopped and starts again");
  start_process();
}

void World::perform(const services::Effect& effect) {
  if (stops_among_effects_ && effects_until_stop_-- == 0) throw Stopped{};
  const std::string key = fmt::format("effect/{}/{}", effect.service, effect.id);
  if (options_.mutation == Mutation::ForgetEffects && starting_) return;
  ++coverage_.effects[effect.kind];
  if (tell_) tell_(fmt::format("  effect {} {}", effect.kind, effect.id));
  if (sent_ && effect.payload.contains("Body")) sent_(text(effect.payload, "Body"));
  ledger_.hand_over(effect);
  if (options_.mutation == Mutation::EffectTwice) ledger_.hand_over(effect);
  hosts_.perform(effect, ledger_.generation(key), now_);
}

void World::submit(const Call& call) {
  const api::Service* model = api::find_service(call.service);
  const api::Operation* shape = model == nullptr ? nullptr : model->operation(call.operation);
  json::value input = call.input;
  store_bytes(input, *blobs_);
  if (shape != nullptr)
    if (const auto valid = api::validate(*model, *shape, input.get_object()); !valid)
      return answer(call, std::unexpected(valid.error()));
  services::Caller caller = kernel_->root();
  if (!call.region.empty()) caller.region = call.region;
  regions_.insert(caller.region);
  kernel_->submit(
      {.service = call.service,
       .operation = call.operation,
       .input = std::move(input.get_object()),
       .caller = std::move(caller),
       .reply = [this, call](const Result<json::object>& reply) { answer(call, reply); }});
}

void World::answer(const Call& call, const Result<json::object>& reply) {
  Answered& answered = coverage_.operations[call.service + ":" + call.operation];
  const std::string said =
      reply ? print_json(*reply) : fmt::format("{}: {}", reply.error().name, reply.error().cause);
  if (reply)
    ++answered.succeeded;
  else
    ++answered.refused;
  if (!reply) answered.refusal = said;
  if (!reply && (reply.error().name == "InternalFailure" || reply.error().name == "InternalError"))
    findings_.report("the engine makes no mistakes",
                     fmt::format("{}:{} answers {}", call.service, call.operation, said));
  trace_.add(said);
  if (tell_) tell_(fmt::format("  {}:{} -> {}", call.service, call.operation, said.substr(0, 300)));
  if (heard_) heard_(call, reply);
}

void World::batch() {
  ledger_.begin_batch(now_);
  bool stopped = false;
  try {
    stopped = !kernel_->run_batch(now_, next_seed());
  } catch (const Stopped&) {
    stopped = true;
  }
  ++coverage_.counts["batches"];
  if (stopped) return restart();
  ledger_.end_batch();
  ledger_.check_handed_over();
}

void World::drain() {
  for (std::size_t i = 0; i < batches_per_drain_max && kernel_->busy(); ++i) batch();
}

void World::deliver_answers() {
  for (Hosts::Answer& answer : hosts_.take(now_)) {
    if (tell_)
      tell_(fmt::format("  outcome of {} {}{}", answer.outcome.id,
                        print_json(answer.outcome.payload), answer.outcome.final ? ", final" : ""));
    std::function<void()> committed;
    if (answer.outcome.final) committed = [this, job = answer.job] { hosts_.end(job); };
    kernel_->outcome(answer.service, std::move(answer.outcome), std::move(committed));
  }
}

void World::pass(Duration span, std::size_t batches_max) {
  const Timestamp until = now_ + span;
  for (std::size_t i = 0; i < batches_max && !findings_.first(); ++i) {
    if (ledger_.rows() > rows_max) break;
    std::optional<Timestamp> next = kernel_->next_timer();
    if (const auto answer = hosts_.next(); answer && (!next || *answer < *next)) next = answer;
    if (!kernel_->busy() && (!next || *next > until)) {
      now_ = until;
      return;
    }
    if (!kernel_->busy() && next) now_ = std::max(now_, *next);
    deliver_answers();
    batch();
  }
  ++coverage_.counts["waits cut short"];
}

void World::perform(const Step& step) {
  step_ = step.number;
  seeds_drawn_ = 0;
  trace_.add(fmt::format("step {}", step.number));
  if (tell_)
    tell_(fmt::format("step {} at {}{}", step.number, format_iso8601(now_),
                      step.fault == Fault::None
                          ? ""
                          : fmt::format(", {} after {}", name_of(step.fault), step.fault_after)));
  store_.plan(step.fault, step.fault_after);
  stops_among_effects_ = step.fault == Fault::StopAmongEffects;
  effects_until_stop_ = step.fault_after;
  const std::uint64_t restarts = coverage_.counts["restarts"];
  for (const Call& call : step.calls) {
    if (tell_)
      tell_(fmt::format("  {}:{} {}", call.service, call.operation, print_json(call.input)));
    submit(call);
  }
  drain();
  if (step.fault == Fault::Restart) restart();
  if (step.advance > Duration{0}) {
    if (tell_) tell_(fmt::format("  {} ms pass", step.advance.count()));
    pass(step.advance, batches_per_step_max);
  }
  store_.plan(Fault::None, 0);
  stops_among_effects_ = false;
  if (coverage_.counts["restarts"] > restarts) ++coverage_.faults[std::string(name_of(step.fault))];
  coverage_.counts["commits"] = ledger_.commits();
  check_histories();
}

Result<json::object> World::ask(const std::string& service, const std::string& operation,
                                json::object input, const std::string& region) {
  std::optional<Result<json::object>> answer;
  services::Caller caller = kernel_->root();
  caller.region = region;
  kernel_->submit({.service = service,
                   .operation = operation,
                   .input = std::move(input),
                   .caller = std::move(caller),
                   .reply = [&answer](Result<json::object> reply) { answer = std::move(reply); }});
  for (std::size_t i = 0; i < batches_per_drain_max && !answer; ++i) batch();
  return answer ? *std::move(answer) : Result<json::object>{fail("NoAnswer", operation)};
}

void World::check_histories() {
  histories_.note(ledger_.take_written());
  if (findings_.first()) return;
  histories_.check(
      [this](const std::string& operation, json::object input, const std::string& region) {
        return ask("states", operation, std::move(input), region);
      },
      histories_per_step);
}

std::vector<std::string> World::deployments_under_way() {
  std::vector<std::string> names;
  for (const std::string& region : regions_) {
    json::object input;
    while (true) {
      const auto page = ask("cloudformation", "DescribeStacks", input, region);
      const json::array* stacks = page ? find_array(*page, "Stacks") : nullptr;
      for (const json::value& stack : stacks ? *stacks : json::array{}) {
        const std::string status = text(stack.as_object(), "StackStatus");
        if (status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS")
          names.push_back(fmt::format("{} is {}", text(stack.as_object(), "StackName"), status));
      }
      const json::string* token = page ? find_string(*page, "NextToken") : nullptr;
      if (token == nullptr) break;
      input["NextToken"] = *token;
    }
  }
  return names;
}

void World::settle() {
  hosts_.be_kind();
  ++step_;
  seeds_drawn_ = 0;
  if (tell_) tell_("nothing fails any more; time passes until all deployments have ended");
  std::vector<std::string> left = deployments_under_way();
  const std::size_t at_first = left.size();
  const std::uint64_t cut_short = coverage_.counts["waits cut short"];
  for (const Duration span : {Duration{1min}, Duration{10min}, Duration{1h}, Duration{4h}}) {
    if (left.empty() || findings_.first()) break;
    pass(span, 20 * batches_per_step_max);
    left = deployments_under_way();
  }
  coverage_.counts["deployments that ended at last"] += at_first - left.size();
  if (!left.empty() && coverage_.counts["waits cut short"] == cut_short)
    findings_.report("every deployment ends", left.front() + " after five hours");
  check_histories();
  const auto waits_cut = coverage_.counts.find("waits cut short");
  if (waits_cut != coverage_.counts.end() && waits_cut->second == 0)
    coverage_.counts.erase(waits_cut);
}

}  // namespace kiban::simulate
