#include "cli/follow.h"

#include <fmt/core.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <list>
#include <map>
#include <thread>

#include "cli/decisions.h"
#include "cli/frozen_clock.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace kiban::cli {
namespace {

constexpr std::chrono::milliseconds look_interval{200};
constexpr int looks_told = 15;  // Without a new event: then a frozen clock is reported.
constexpr std::size_t cause_shown_max = 300;

// Of an event among the states.
struct Place {
  std::size_t level{0};
  bool failed{false};
};

// The log of one container, read from where it was left.
struct Stream {
  std::string group{};
  std::string name{};
  std::size_t level{0};
  std::string token{};
};

const json::object* details_of(const json::object& event) {
  for (const auto& [key, value] : event)
    if (std::string_view(key).ends_with("Details") && value.is_object()) return &value.get_object();
  return nullptr;
}

std::string why_of(const json::object& event) {
  const json::object* details = details_of(event);
  if (details == nullptr) return "";
  const std::string cause = text_of(*details, "cause");
  return text_of(*details, "error") + (cause.empty() ? "" : ": ") + fit(cause, cause_shown_max);
}

// What ECS says of a task that ended, where `cause` is that: a line a container, then why it ended.
// docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
std::vector<std::string> ecs_failure(const std::string& cause) {
  const auto parsed = parse_json(cause);
  if (!parsed || !parsed->is_object()) return {};
  const json::object& task = parsed->get_object();
  const json::array* containers = find_array(task, "Containers");
  if (containers == nullptr || find_string(task, "TaskArn") == nullptr) return {};
  std::vector<std::string> lines;
  for (const json::value& each : *containers) {
    const json::object& container = each.as_object();
    const json::value* code = find(container, "ExitCode");
    const json::string* reason = find_string(container, "Reason");
    lines.push_back(fmt::format("container {} {}{}", text_of(container, "Name"),
                                code != nullptr && code->is_int64()
                                    ? fmt::format("exited with {}", code->get_int64())
                                    : std::string("did not start"),
                                reason == nullptr ? "" : ": " + to_string(*reason)));
  }
  if (find_string(task, "StoppedReason") != nullptr)
    lines.push_back(
        fmt::format("{} ({})", text_of(task, "StoppedReason"), text_of(task, "StopCode")));
  return lines;
}

class Follower {
 public:
  Follower(const Client& client, std::string arn) : client_(client), arn_(std::move(arn)) {}

  Result<std::string> run() {
    const Interruption interruption;
    while (!interruption.happened()) {
      KIBAN_TRY(const json::object state,
                client_.call("states", "DescribeExecution", {{"executionArn", arn_}}));
      KIBAN_TRY_VOID(show_new());
      show_logs();
      std::fflush(stdout);
      if (text_of(state, "status") == "RUNNING") {
        tell_of_frozen_clock();
        std::this_thread::sleep_for(look_interval);
        continue;
      }
      if (text_of(state, "status") != "SUCCEEDED") show_next_steps();
      return text_of(state, "status");
    }
    return "RUNNING";
  }

 private:
  // Once, without new events for a while: prints what waits for the frozen virtual clock.
  void tell_of_frozen_clock() {
    if (++quiet_looks_ != looks_told) return;
    const auto clock = client_.get_own("/_kiban/clock", std::chrono::seconds{1});
    const std::string words = clock ? frozen_clock_words(*clock, 3) : std::string();
    if (!words.empty())
      fmt::print(stderr, "{}\n'kiban clock advance 5m' or 'kiban clock scale 1' lets time pass.\n",
                 words);
  }

  // Events that came since, from the page on that was the last one.
  Result<void> show_new() {
    for (;;) {
      json::object request{{"executionArn", arn_}, {"maxResults", 1000}};
      if (!page_.empty()) request["nextToken"] = page_;
      KIBAN_TRY(const json::object reply, client_.call("states", "GetExecutionHistory", request));
      const json::array* events = find_array(reply, "events");
      for (; events != nullptr && shown_ < events->size(); ++shown_) {
        const json::object& event = (*events)[shown_].as_object();
        // A container's lines are complete before its task ends: they come first.
        if (text_of(event, "type").starts_with("Task")) show_logs();
        show(event);
        if (quiet_looks_ < looks_told) quiet_looks_ = 0;
      }
      const json::string* next = find_string(reply, "nextToken");
      if (next == nullptr) return {};
      page_ = to_string(*next);
      shown_ = 0;
    }
  }

  void line(double at, std::size_t level, const std::string& text,
            Colour colour = Colour::Plain) const {
    fmt::print("{}  {}{}\n", paint(Colour::Dim, fmt::format("{:>9.3f} s", at - began_)),
               std::string(level * 2, ' '), paint(colour, fit(text)));
  }

  // Branches and iterations lie one level deeper than the state that they are in. A state that is
  // retried begins them again after what failed in one, which is as deep already.
  std::size_t level_of(const json::object& event, const std::string& type) {
    const Place before = places_[number_of(event, "previousEventId")];
    std::size_t level = before.level;
    const bool branches = type.starts_with("ParallelState") || type.starts_with("MapIteration");
    if (branches && type.ends_with("Started") && !before.failed) ++level;
    const bool over =
        type.ends_with("Succeeded") || type.ends_with("Failed") || type.ends_with("Aborted");
    if (branches && over && level > 0) --level;
    places_[number_of(event, "id")] = {.level = level,
                                       .failed = type == "FailStateEntered" ||
                                                 type.ends_with("Failed") ||
                                                 type.ends_with("TimedOut")};
    return level;
  }

  void show(const json::object& event) {
    const std::string type = text_of(event, "type");
    const double at = number_of(event, "timestamp");
    if (began_ == 0) began_ = at;
    std::size_t level = level_of(event, type);
    const json::object* details = details_of(event);
    const std::string name = details == nullptr ? "" : text_of(*details, "name");
    // The event before the exit of a Parallel or Map state lies in one of its branches.
    if (type.ends_with("StateExited") && level > 0 && !entered_.contains({level, name}))
      places_[number_of(event, "id")].level = --level;
    if (type.ends_with("StateEntered")) {
      entered_[{level, name}] = at;
      line(at, level, "> " + name, Colour::Bold);
    } else if (type.ends_with("StateExited")) {
      line(at, level, fmt::format("< {}  {:.3f} s", name, at - entered_[{level, name}]),
           Colour::Green);
    } else if (type.ends_with("Failed") || type.ends_with("TimedOut") ||
               type.ends_with("Aborted")) {
      show_failure(at, level, type, event);
      show_denials(at, level + 1);
    } else if (type == "TaskSubmitted" && details != nullptr) {
      find_logs(*details, level + 1);
    }
  }

  void show_failure(double at, std::size_t level, const std::string& type,
                    const json::object& event) const {
    const json::object* details = details_of(event);
    const std::vector<std::string> of_task =
        details == nullptr ? std::vector<std::string>{} : ecs_failure(text_of(*details, "cause"));
    if (of_task.empty()) {
      line(at, level, fmt::format("! {} {}", type, why_of(event)), Colour::Red);
      return;
    }
    line(at, level, fmt::format("! {} {}", type, text_of(*details, "error")), Colour::Red);
    if (type.starts_with("Execution")) return;  // Its task's failure said it already.
    for (const std::string& one : of_task) line(at, level + 1, one, Colour::Red);
  }

  // Denials of this execution's role since the last ones shown: what failed may be one of them.
  void show_denials(double at, std::size_t level) {
    const auto records = fetch_decisions(client_, {.after = last_denial_, .denied = true});
    if (!records) return;  // A server without records of decisions.
    for (const iam::report::Record& record : *records) {
      last_denial_ = record.id;
      const bool of_another = !record.acts_for.empty() && record.acts_for != arn_;
      if (of_another || record.time < began_) continue;
      line(at, level, fmt::format("denied: {} on {}", record.action, record.resource), Colour::Red);
      line(at, level, fmt::format("kiban iam explain {}{}", record.id, client_.given), Colour::Dim);
    }
  }

  void show_next_steps() const {
    fmt::print("kiban history {}{} prints all events", arn_.substr(arn_.rfind(':') + 1),
               client_.given);
    if (!streams_.empty())
      fmt::print("; kiban logs {}{} prints the lines of its containers", streams_.back().group,
                 client_.given);
    fmt::print("\n");
  }

  // Of a task that was begun: where its containers write.
  void find_logs(const json::object& details, std::size_t level) {
    if (text_of(details, "resourceType") != "ecs") return;
    const auto output = parse_json(text_of(details, "output"));
    if (!output || !output->is_object()) return;
    const json::array* tasks = find_array(output->get_object(), "Tasks");
    for (const json::value& each : tasks == nullptr ? json::array{} : *tasks) {
      const json::object& task = each.as_object();
      const auto definition =
          client_.call("ecs", "DescribeTaskDefinition",
                       {{"taskDefinition", text_of(task, "TaskDefinitionArn")}});
      if (!definition) continue;  // It is gone: nothing to show.
      const std::string task_arn = text_of(task, "TaskArn");
      const json::object* found = find_object(*definition, "taskDefinition");
      const json::array* containers =
          found == nullptr ? nullptr : find_array(*found, "containerDefinitions");
      for (const json::value& one : containers == nullptr ? json::array{} : *containers)
        add_stream(one.as_object(), task_arn.substr(task_arn.rfind('/') + 1), level);
    }
  }

  void add_stream(const json::object& container, const std::string& task, std::size_t level) {
    const json::object* log = find_object(container, "logConfiguration");
    const json::object* options = log == nullptr ? nullptr : find_object(*log, "options");
    if (options == nullptr || text_of(*log, "logDriver") != "awslogs") return;
    streams_.push_back({.group = text_of(*options, "awslogs-group"),
                        .name = fmt::format("{}/{}/{}", text_of(*options, "awslogs-stream-prefix"),
                                            text_of(container, "name"), task),
                        .level = level});
  }

  void show_logs() {
    for (Stream& stream : streams_) {
      json::object request{
          {"logGroupName", stream.group}, {"logStreamName", stream.name}, {"startFromHead", true}};
      if (!stream.token.empty()) request["nextToken"] = stream.token;
      const auto reply = client_.call("logs", "GetLogEvents", request);
      if (!reply) continue;  // Not there yet.
      stream.token = text_of(*reply, "nextForwardToken");
      const json::array* events = find_array(*reply, "events");
      for (const json::value& each : events == nullptr ? json::array{} : *events)
        line(number_of(each.as_object(), "timestamp") / 1000, stream.level,
             "| " + text_of(each.as_object(), "message"));
    }
  }

  const Client& client_;
  std::string arn_;
  std::string page_{};         // Token of the page that is read; empty: the first.
  std::size_t shown_{0};       // Of that page.
  std::string last_denial_{};  // The id of its record.
  int quiet_looks_{0};         // Without a new event; continues once the frozen clock was reported.
  double began_{0};
  std::map<double, Place> places_{};                                 // By event id.
  std::map<std::pair<std::size_t, std::string>, double> entered_{};  // When, by level and state.
  std::list<Stream> streams_{};
};

std::atomic<bool> interrupted{false};

void on_interrupt(int /*number*/) {
  interrupted = true;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

Interruption::Interruption() {
  interrupted = false;
  std::signal(SIGINT, on_interrupt);
}

Interruption::~Interruption() { std::signal(SIGINT, SIG_DFL); }

bool Interruption::happened() const { return interrupted; }

Result<std::string> follow(const Client& client, const std::string& execution_arn) {
  return Follower{client, execution_arn}.run();
}

}  // namespace kiban::cli
