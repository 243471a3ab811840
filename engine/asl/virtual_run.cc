#include "asl/virtual_run.h"

#include <algorithm>

namespace kiban::asl {

VirtualRun::VirtualRun(std::shared_ptr<const Program> program, ExecutionParameters parameters,
                       Answer answer, Read read)
    : program_(std::move(program)),
      execution_(program_, std::move(parameters)),
      answer_(std::move(answer)),
      read_(std::move(read)) {}

void VirtualRun::run(bool restore) {
  feed(Start{}, restore);
  while (!pending_.empty() || !timers_.empty()) {
    if (execution_.status() != Status::Running) return;
    if (!pending_.empty()) {
      const Input next = pending_.front();
      pending_.erase(pending_.begin());
      feed(next, restore);
      continue;
    }
    auto first = timers_.begin();
    for (auto at = timers_.begin(); at != timers_.end(); ++at) {
      if (at->second < first->second) first = at;
    }
    now = std::max(now, first->second);
    const std::int64_t id = first->first;
    timers_.erase(first);
    feed(TimerFired{.timer = id}, restore);
  }
}

void VirtualRun::feed(const Input& input, bool restore) {
  if (restore) {
    auto again = Execution::restore(program_, execution_.save());
    KIBAN_CHECK(again.has_value(), "restore");
    execution_ = *std::move(again);
    restore_from_parts();
  }
  Decision decision = execution_.take(input, now, random, secrets);
  for (HistoryEvent& event : decision.events) events.push_back(std::move(event));
  for (const Effect& effect : decision.effects) perform(effect);
}

void VirtualRun::restore_from_parts() {
  SaveDelta delta = execution_.save(stored_);
  texts_.input = execution_.parameters().input;
  for (SavedPart& part : delta.parts) {
    if (part.text)
      texts_.parts.insert_or_assign(part.name, *std::move(part.text));
    else
      texts_.parts.erase(part.name);
  }
  stored_ = {};
  auto again = Execution::restore(program_, delta.main, texts_, stored_);
  KIBAN_CHECK(again.has_value(), "restore from parts");
  execution_ = *std::move(again);
}

void VirtualRun::perform(const Effect& effect) {
  if (const auto* timer = std::get_if<StartTimer>(&effect)) {
    timers_[timer->timer] = timer->at;
  } else if (const auto* cancelled = std::get_if<CancelTimer>(&effect)) {
    timers_.erase(cancelled->timer);
  } else if (std::holds_alternative<Proceed>(effect)) {
    pending_.emplace_back(Continue{});
  } else if (const auto* done = std::get_if<Finished>(&effect)) {
    finished = *done;
  } else if (const auto* task = std::get_if<StartTask>(&effect)) {
    tasks.push_back(*task);
    if (!answer_) return;
    if (auto inputs = answer_(*task)) {
      for (Input& input : *inputs) pending_.push_back(std::move(input));
    }
  } else if (const auto* reading = std::get_if<ReadItems>(&effect)) {
    read_items(*reading);
  } else if (const auto* child = std::get_if<StartChild>(&effect)) {
    start_child(*child);
  } else if (const auto* results = std::get_if<WriteResults>(&effect)) {
    // docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
    json::object details;
    if (const json::object* parameters = results->parameters.tree().if_object()) {
      for (const char* name : {"Bucket", "Prefix"}) {
        if (const json::value* value = kiban::find(*parameters, name))
          details[*name == 'B' ? "Bucket" : "Key"] = *value;
      }
    }
    pending_.emplace_back(ResultsWritten{
        results->map,
        Payload::from_tree(json::object{{"MapRunArn", results->map_run_arn},
                                        {"ResultWriterDetails", std::move(details)}})});
  }
}

std::string VirtualRun::state_entered(std::int64_t event) const {
  const auto at = static_cast<std::size_t>(event - 1);  // Ids have no gaps.
  return at < events.size() ? events[at].name : std::string();
}

void VirtualRun::read_items(const ReadItems& reading) {
  if (!read_) {
    if (items) pending_.emplace_back(ItemsRead{reading.map, *items, sources});
    return;
  }
  auto read = read_(reading, state_entered(reading.map));
  if (read) {
    pending_.emplace_back(ItemsRead{.map = reading.map, .items = *std::move(read)});
  } else {
    pending_.emplace_back(ItemsReadFailed{reading.map, read.error().name, read.error().cause});
  }
}

void VirtualRun::start_child(const StartChild& child) {
  ExecutionParameters parameters = execution_.parameters();
  parameters.input = child.input;
  VirtualRun inner(child_program(program_, child.state), std::move(parameters), answer_, read_);
  inner.now = now;
  inner.run();
  ChildFinished finish{.map = child.map, .index = child.index};
  finish.status = inner.execution().status();
  if (inner.finished) {
    if (inner.finished->output) finish.output = *inner.finished->output;
    finish.error = inner.finished->error;
    finish.cause = inner.finished->cause;
  }
  pending_.emplace_back(std::move(finish));
}

}  // namespace kiban::asl
