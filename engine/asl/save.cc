// Writing an execution's state, so that it can go on after a restart: whole, or what changed of it.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "asl/machine.h"
#include "asl/saved.h"

namespace kiban::asl {

std::uint64_t part_sum(std::string_view name, std::string_view text) {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15U;
  return std::hash<std::string_view>{}(name)*odd + std::hash<std::string_view>{}(text);
}

namespace {

// The payload of a list's element; nullptr: it has none.
using ElementOf = std::function<const Payload*(std::size_t index)>;

// Whether the elements from `from` on are those, as documents, not merely as texts.
bool same(const std::vector<std::optional<Payload>>& known, const ElementOf& element,
          std::size_t from) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    const Payload* const now = element(from + i);
    if (now == nullptr ? known[i].has_value() : !known[i] || !known[i]->same_as(*now)) return false;
  }
  return true;
}

// Prints payloads, lists and tracks into the main text or into parts. Without `parts` all of it is
// printed where it is used.
class Writer {
 public:
  Writer(const Payload& input, SavedParts::State* parts) : input_(input), parts_(parts) {
    if (parts_ != nullptr) ++parts_->saves;
  }

  bool in_parts() const { return parts_ != nullptr; }
  json::value payload(const Payload& payload);
  // `print` makes the JSON of the element at an index, of which `element` is the payload.
  json::value list(const std::string& name, std::size_t size, const ElementOf& element,
                   const std::function<json::value(std::size_t)>& print);
  json::value track(const std::string& name, const json::object& track);
  // The parts that changed and those that nothing refers to any more; `sum` becomes that of all.
  std::vector<SavedPart> finish(std::uint64_t& sum);

 private:
  using Part = SavedParts::State::Part;
  void changed(const std::string& name, Part& part, std::string text);
  void use(const std::string& name, Part& part);
  json::value part_of(const Payload& payload);

  const Payload& input_;
  SavedParts::State* parts_;
  std::vector<std::string>* refers_{nullptr};  // Of the part that is being printed.
  std::vector<SavedPart> changes_{};
};

void Writer::changed(const std::string& name, Part& part, std::string text) {
  part.sum = part_sum(name, text);
  changes_.push_back({.name = name, .text = std::move(text)});
}

void Writer::use(const std::string& name, Part& part) {
  part.save = parts_->saves;
  if (refers_ != nullptr) refers_->push_back(name);
}

json::value Writer::payload(const Payload& payload) {
  const std::string& text = payload.text();
  constexpr std::size_t worth_a_comparison = 16;
  if (text.size() >= worth_a_comparison && (payload.same_as(input_) || text == input_.text()))
    return true;
  if (!in_parts() || text.size() <= payload_inline_max) return json::value(json::string(text));
  return part_of(payload);
}

json::value Writer::part_of(const Payload& payload) {
  const std::string& text = payload.text();
  std::string name = fmt::format("p/{:016x}-{}", std::hash<std::string_view>{}(text), text.size());
  while (true) {
    const auto [at, added] = parts_->parts.try_emplace(name);
    Part& part = at->second;
    if (added) {
      part.payloads = {payload};
      changed(name, part, text);
    } else if (!part.payloads.front()->same_as(payload) && part.payloads.front()->text() != text) {
      name += '\'';  // Another text of this hash and size.
      continue;
    }
    use(name, part);
    return json::object{{"part", name}};
  }
}

json::value Writer::list(const std::string& name, std::size_t size, const ElementOf& element,
                         const std::function<json::value(std::size_t)>& print) {
  const auto printed = [&](std::size_t from, std::size_t to) {
    json::array elements;
    for (std::size_t i = from; i < to; ++i) elements.push_back(print(i));
    return elements;
  };
  if (!in_parts() || size <= list_inline_max) return printed(0, size);
  const std::size_t chunk = list_chunk(size);
  for (std::size_t from = 0; from < size; from += chunk) {
    const std::size_t to = std::min(from + chunk, size);
    const std::string part_name = list_part(name, from / chunk);
    const auto [at, added] = parts_->parts.try_emplace(part_name);
    Part& part = at->second;
    if (added || part.payloads.size() != to - from || !same(part.payloads, element, from)) {
      part.payloads.clear();
      for (std::size_t i = from; i < to; ++i) {
        const Payload* const payload = element(i);
        part.payloads.push_back(payload == nullptr ? std::nullopt : std::optional(*payload));
      }
      part.refers.clear();
      refers_ = &part.refers;
      std::string text = print_json(printed(from, to));
      refers_ = nullptr;
      changed(part_name, part, std::move(text));
    } else {
      for (const std::string& referred : part.refers)
        parts_->parts.at(referred).save = parts_->saves;
    }
    part.save = parts_->saves;
  }
  return json::object{{"list", name}, {"size", size}};
}

json::value Writer::track(const std::string& name, const json::object& track) {
  std::string text = print_json(track);
  Part& part = parts_->parts[name];
  part.save = parts_->saves;
  if (part.text != text) {
    part.text = text;
    changed(name, part, std::move(text));
  }
  return json::object{{"part", name}};
}

std::vector<SavedPart> Writer::finish(std::uint64_t& sum) {
  sum = 0;
  if (!in_parts()) return {};
  std::erase_if(parts_->parts, [&](const auto& part) {
    if (part.second.save == parts_->saves) return false;
    changes_.push_back({.name = part.first, .text = std::nullopt});
    return true;
  });
  for (const auto& [name, part] : parts_->parts) sum ^= part.sum;
  return std::move(changes_);
}

json::object save_counts(const Counts& counts) {
  return {{"total", counts.total},     {"pending", counts.pending},
          {"running", counts.running}, {"succeeded", counts.succeeded},
          {"failed", counts.failed},   {"timedOut", counts.timed_out},
          {"aborted", counts.aborted}, {"written", counts.results_written}};
}

// `name` begins the names of its parts.
json::object save_work(const Work& work, Writer& writer, const std::string& name) {
  const auto result = [&](std::size_t index) -> json::value {
    const std::optional<Payload>& of = work.results[index];
    return of ? writer.payload(*of) : json::value(nullptr);
  };
  json::object out{{"next", work.next},
                   {"running", work.running},
                   {"concurrency", work.concurrency},
                   {"lastDone", work.last_done},
                   {"results", writer.list(
                                   "r/" + name, work.results.size(),
                                   [&](std::size_t index) -> const Payload* {
                                     const auto& of = work.results[index];
                                     return of ? &*of : nullptr;
                                   },
                                   result)}};
  if (work.items.tree().is_array()) out["items"] = writer.payload(work.items);
  if (work.run_arn.empty()) return out;
  const auto batch = [&](std::size_t index) -> json::value {
    const Batch& of = work.batches[index];
    return json::object{{"input", writer.payload(of.input)}, {"items", of.items}};
  };
  out["runArn"] = work.run_arn;
  out["runStarted"] = work.run_started;
  out["batches"] = writer.list(
      "b/" + name, work.batches.size(),
      [&](std::size_t index) { return &work.batches[index].input; }, batch);
  out["open"] = json::array(work.open.begin(), work.open.end());
  out["percentage"] = work.tolerated_percentage;
  out["count"] = work.tolerated_count;
  out["countGiven"] = work.count_given;
  out["percentageGiven"] = work.percentage_given;
  out["itemCounts"] = save_counts(work.item_counts);
  out["executionCounts"] = save_counts(work.execution_counts);
  if (work.items_max) out["itemsMax"] = *work.items_max;
  if (work.started_before != 0) out["startedBefore"] = work.started_before;
  if (work.redrive_count != 0) out["redriveCount"] = work.redrive_count;
  if (work.failure)
    out["failure"] = {{"error", work.failure->error.value_or("")},
                      {"cause", work.failure->cause.value_or("")}};
  return out;
}

json::object save_track(const Track& track, Writer& writer, const std::string& name) {
  json::object variables;
  for (const auto& [variable, value] : track.variables) variables[variable] = writer.payload(value);
  return {{"id", track.id},
          {"parent", track.parent},
          {"index", track.index},
          {"state", static_cast<std::uint64_t>(track.state)},
          {"phase", static_cast<int>(track.phase)},
          {"entered", track.entered},
          {"before", track.before},
          {"enteredTime", track.entered_time.time_since_epoch().count()},
          {"last", track.last},
          {"input", writer.payload(track.input)},
          {"variables", std::move(variables)},
          {"attempts", json::array(track.attempts.begin(), track.attempts.end())},
          {"retryCount", track.retry_count},
          {"mapItem", track.map_item},
          {"timer", track.timer},
          {"heartbeatTimer", track.heartbeat_timer},
          {"heartbeatSeconds", track.heartbeat_seconds},
          {"task", track.task},
          {"token", track.token},
          {"taskStarted", track.task_started},
          {"work", save_work(track.work, writer, name)}};
}

// `kind` keeps the parts of broken tracks apart from those of the others.
json::array save_tracks(const std::map<std::int64_t, Track>& tracks, Writer& writer,
                        std::string_view kind) {
  json::array out;
  for (const auto& [id, track] : tracks) {
    const std::string name = fmt::format("{}{}", kind, id);
    const json::object saved = save_track(track, writer, name);
    if (writer.in_parts() && track.parent != 0 && tracks.size() > tracks_inline_max)
      out.push_back(writer.track("t/" + name, saved));
    else
      out.push_back(saved);
  }
  return out;
}

}  // namespace

SaveDelta Machine::save(SavedParts::State* parts) const {
  Writer writer(parameters_.input, parts);
  json::array timers;
  for (const auto& [id, timer] : timers_)
    timers.push_back(
        json::object{{"id", id}, {"track", timer.track}, {"alarm", static_cast<int>(timer.alarm)}});
  const ExecutionParameters& of = parameters_;
  json::object out{{"arn", of.arn},
                   {"name", of.name},
                   {"roleArn", of.role_arn},
                   {"startTime", of.start_time.time_since_epoch().count()},
                   {"machineArn", of.machine_arn},
                   {"machineName", of.machine_name},
                   {"type", static_cast<int>(of.type)},
                   {"redriveCount", of.redrive_count},
                   {"extraContext", of.extra_context},
                   {"status", static_cast<int>(status_)},
                   {"lastId", last_id_},
                   {"nextTrack", next_track_},
                   {"nextTimer", next_timer_},
                   {"executionTimer", execution_timer_},
                   {"tracks", save_tracks(tracks_, writer, "")},
                   {"timers", std::move(timers)},
                   {"ready", json::array(ready_.begin(), ready_.end())}};
  if (!writer.in_parts()) out["input"] = json::string(of.input.text());
  if (!broken_.empty()) out["broken"] = save_tracks(broken_, writer, "x");
  SaveDelta delta;
  std::uint64_t sum = 0;
  delta.parts = writer.finish(sum);
  if (sum != 0) out["sum"] = fmt::format("{:016x}", sum);
  delta.main = print_json(out);
  return delta;
}

}  // namespace kiban::asl
