#include "runtime/clock_route.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "runtime/json_reply.h"
#include "runtime/timer_words.h"

namespace kiban::runtime {

namespace {

Timestamp host_now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

json::value time_or_null(const std::optional<Timestamp>& at) {
  return at ? json::value(format_iso8601(*at)) : json::value(nullptr);
}

constexpr std::size_t waiting_shown = 10;
constexpr std::size_t waiting_counted = 1'000;

// The timers that wait for a frozen clock.
void show_waiting(const kernel::Kernel& kernel, json::object& shown) {
  const auto waiting = kernel.waiting_timers(waiting_counted);
  json::array first;
  for (const kernel::WaitingTimer& timer : waiting) {
    if (first.size() == waiting_shown) break;
    first.push_back(
        {{"at", format_iso8601(timer.at)}, {"what", timer_words(timer.service, timer.payload)}});
  }
  shown["waiting"] = std::move(first);
  shown["waiting_count"] = waiting.size();
}

json::object shown(const kernel::Kernel& kernel, const VirtualClock* clock) {
  json::object shown{{"clock", clock == nullptr ? "real" : "virtual"}};
  if (clock == nullptr) {
    shown["now"] = format_iso8601(host_now());
  } else {
    const VirtualClock::State state = clock->state();
    shown["now"] = format_iso8601(state.now);
    shown["scale"] = state.scale;
    shown["hold"] = state.hold.count();
    json::array in_flight;
    for (const std::string& each : clock->in_flight()) in_flight.emplace_back(each);
    shown["in_flight"] = std::move(in_flight);
    if (state.scale == 0) show_waiting(kernel, shown);
  }
  shown["next_timer"] = time_or_null(kernel.next_timer());
  return shown;
}

// One wish of a POST.
struct Wish {
  std::optional<Timestamp> to{};
  double scale{0};
  Duration hold{};
};

Result<Wish> read_wish(const json::object& body, const VirtualClock::State& state) {
  Wish wish{.hold = state.hold};
  constexpr std::int64_t century = 100LL * 366 * 24 * 3600 * 1000;
  if (const json::value* hold = find(body, "hold")) {
    if (!hold->is_int64() || hold->get_int64() < 0 || hold->get_int64() > century)
      return fail("ValidationException", "\"hold\" is a number of milliseconds.");
    wish.hold = Duration{hold->get_int64()};
  }
  if (const json::value* advance = find(body, "advance")) {
    if (!advance->is_int64() || advance->get_int64() < 0 || advance->get_int64() > century)
      return fail("ValidationException",
                  "\"advance\" is a number of milliseconds, at most 100 "
                  "years.");
    wish.to = state.now + Duration{advance->get_int64()};
    return wish;
  }
  if (const json::string* set = find_string(body, "set")) {
    KIBAN_TRY(wish.to, parse_iso8601(to_string(*set)));
    return wish;
  }
  if (const json::value* scale = find(body, "scale")) {
    wish.scale = scale->is_number() ? scale->to_number<double>() : 0;
    if (!(wish.scale > 0) || wish.scale > clock_scale_max)
      return fail("ValidationException",
                  fmt::format("\"scale\" is a number above 0, at most {}: how many seconds pass in "
                              "one of the host's.",
                              clock_scale_max));
    return wish;
  }
  const json::value* freeze = find(body, "freeze");
  if (freeze != nullptr && freeze->is_bool() && freeze->get_bool()) return wish;
  return fail("ValidationException",
              "Give \"advance\", milliseconds; \"set\", a time; \"scale\", a number; or "
              "\"freeze\": true.");
}

void answer(const Respond& respond, const kernel::Kernel& kernel, const VirtualClock& clock) {
  json::object reply = shown(kernel, &clock);
  const std::vector<std::string> overdue = clock.overdue();
  if (kernel.failed()) return refuse(respond, 503, "The store failed.");
  if (overdue.empty()) return respond_with(respond, 200, reply);
  reply["message"] =
      fmt::format("The clock stands at {}, held for {} s by what is still in flight: {}",
                  format_iso8601(clock.state().now),
                  std::chrono::floor<std::chrono::seconds>(clock.state().hold).count(),
                  fmt::join(overdue, ", "));
  reply["overdue"] = json::array(overdue.begin(), overdue.end());
  respond_with(respond, 409, reply);
}

}  // namespace

Handler make_clock_route(KernelThread& kernel, VirtualClock* clock) {
  return [&kernel, clock](const HttpRequest& request, const Respond& respond) {
    if (request.method == "GET")
      return kernel.visit([clock, respond](const kernel::Kernel& visited) {
        respond_with(respond, 200, shown(visited, clock));
      });
    if (request.method != "POST")
      return refuse(respond, 405, "GET shows the clock, POST moves it.");
    if (clock == nullptr)
      return refuse(respond, 409,
                    "the clock is real: it follows the host's, and nobody can move it");
    const Result<json::value> body = parse_json(request.body);
    if (!body || !body->is_object()) return refuse(respond, 400, "The body is no JSON object.");
    const Result<Wish> wish = read_wish(body->get_object(), clock->state());
    if (!wish) return refuse(respond, 400, wish.error().cause);
    if (!wish->to)
      clock->run_at(wish->scale, wish->hold);
    else if (!clock->move_to(*wish->to, wish->hold))
      return refuse(
          respond, 409,
          "the clock does not go backwards: it shows " + format_iso8601(clock->state().now));
    kernel.visit_until([clock, respond, kept = false](kernel::Kernel& visited) mutable {
      if (clock->moving() && !visited.failed()) return false;
      if (!std::exchange(kept, true) && !visited.failed()) {
        keep_clock(visited, clock->state());
        return false;  // Once more when that is on disk.
      }
      answer(respond, visited, *clock);
      return true;
    });
  };
}

void keep_clock(kernel::Kernel& kernel, const VirtualClock::State& state) {
  kernel.keep(std::string(clock_row),
              print_json(json::object{{"Scale", state.scale}, {"Hold", state.hold.count()}}));
}

VirtualClock::State kept_clock(const store::Store& store) {
  VirtualClock::State state{.now = host_now()};
  if (const auto now = kernel::kept_time(store)) state.now = *now;
  const auto row = store.get(clock_row);
  const auto kept = row ? parse_json(*row) : Result<json::value>{json::object{}};
  if (!kept || !kept->is_object()) return state;
  if (const json::value* scale = find(kept->get_object(), "Scale"))
    state.scale = scale->to_number<double>();
  if (const json::value* hold = find(kept->get_object(), "Hold"))
    state.hold = Duration{hold->to_number<std::int64_t>()};
  return state;
}

}  // namespace kiban::runtime
