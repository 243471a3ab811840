#include "containers/task.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>

#include "containers/files.h"
#include "containers/image_file.h"
#include "runtime/process_driver.h"
#include "runtime/task_log.h"
#include "services/ecs/names.h"

namespace kiban::containers {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto log_interval = 50ms;  // Between two reports of a task's logs.
json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

std::int64_t digits(const std::string& text) {
  return std::strtoll(text.c_str(), nullptr, 10);  // 0 when there are none.
}

// GiB that the containers of a task may write.
std::int64_t storage_of(const json::object& payload) {
  constexpr std::int64_t default_gib = 20;  // Of Fargate.
  const json::value* asked = find(payload, "StorageGiB");
  return asked && asked->is_int64() && asked->get_int64() > 0 ? asked->get_int64() : default_gib;
}

json::object failure(const Error& error) {
  return {{"Status", "STOPPED"},
          {"Error",
           {{"StopCode", "TaskFailedToStart"},
            {"Reason", fmt::format("{}: {}", error.name, error.cause)}}}};
}

std::string last_part(const std::string& arn) { return arn.substr(arn.rfind('/') + 1); }

}  // namespace

Task::Task(Host& host, json::object payload, runtime::Report report)
    : host_(host),
      payload_(std::move(payload)),
      report_(std::move(report)),
      id_(last_part(text(payload_, "TaskArn"))),
      directory_(host_.directory + "/" + id_),
      sandbox_(host_, id_, directory_),
      signals_(std::make_shared<Signals>()),
      log_events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

Task::~Task() { ::close(log_events_); }

Task::Signals::Signals() : event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Task::Signals::~Signals() { ::close(event); }
void Task::Signals::wake() const { (void)::eventfd_write(event, 1); }

void Task::stop() {
  std::error_code ignored;
  fs::create_directories(directory_, ignored);
  (void)write_file(directory_ + "/stop", "");
  stopping_ = true;
  signals_->wake();
}

void Task::evict() {
  evicted_ = true;
  stopping_ = true;
  signals_->wake();
}

void Task::leave() {
  leaving_ = true;
  signals_->wake();
}

void Task::run() {
  std::error_code failed;
  fs::create_directories(directory_, failed);
  fs::permissions(directory_, fs::perms::owner_all, failed);
  // Reported, but the kernel did not live to note it.
  if (const auto result = parse_json(read_file(directory_ + "/result.json"));
      result && result->is_object()) {
    send({.payload = result->get_object()});
    if (wait_for_commit()) take_down();
    return;
  }
  if (fs::exists(directory_ + "/stop")) stopping_ = true;
  const Result<void> launched = launch();
  if (!launched) return finish(failure(launched.error()));
  if (members_.empty()) return finish({{"Status", "STOPPED"}});  // Stopped before it began.
  watch();
}

Result<void> Task::launch() {
  for (const json::value& plan : list_of(payload_, "Containers")) {
    // A task that an earlier version stored may have any name.
    if (const std::string name = text(plan.as_object(), "Name"); !is_valid_name(name))
      return fail("CannotStartContainerError",
                  fmt::format("'{}' is not a valid name of a container", name));
    // The folder is named by number: a name may be that of one of the task's own files.
    const std::size_t number = members_.size();
    members_.push_back(
        {.container = Container{host_.tools, plan.as_object(), fmt::format("{}-{}", id_, number),
                                fmt::format("{}/{}", directory_, number)}});
  }
  const bool begun = std::ranges::any_of(
      members_, [](const Member& member) { return member.container.was_started(); });
  if (stopping_ && !begun) {
    members_.clear();
    return {};
  }
  KIBAN_TRY_VOID(open_sandbox());
  return start_ready();
}

Result<void> Task::start_ready() {
  bool again = true;
  while (std::exchange(again, false)) {
    for (Member& member : members_) {
      if (member.begun) continue;
      if (!member.container.was_started() && (stopping_ || !may_start(member))) continue;
      KIBAN_TRY_VOID(start(member));
      member.begun = true;
      again = true;  // Others may have waited for its start.
    }
  }
  if (!running_told_ && std::ranges::all_of(members_, &Member::begun)) report_running();
  return {};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
bool Task::may_start(const Member& member) const {
  for (const json::value& value : list_of(member.container.plan(), "DependsOn")) {
    const std::string name = text(value.as_object(), "containerName");
    const std::string condition = text(value.as_object(), "condition");
    const auto other = std::ranges::find_if(
        members_, [&](const Member& one) { return one.container.name() == name; });
    if (other == members_.end()) continue;
    const auto code = other->container.exit_code();
    const bool met = condition == "COMPLETE"  ? code.has_value()
                     : condition == "SUCCESS" ? code == 0
                     : condition == "HEALTHY" ? other->health == Health::Healthy
                                              : other->begun;
    if (!met) return false;
  }
  return true;
}

Result<void> Task::start(Member& member) {
  Container& container = member.container;
  bool adopted = false;
  if (container.was_started()) {
    // An engine that was killed may have held it.
    KIBAN_TRY(adopted, container.adopt());
    if (adopted) container.hold_output(false);
  }
  if (!adopted) {
    // The service found no image.
    if (const std::string why = text(container.plan(), "ImageError"); !why.empty())
      return fail("CannotPullContainerError", why);
    KIBAN_TRY(const Image image, host_.images->get(text(container.plan(), "ImageManifest"),
                                                   text(container.plan(), "ImageDigest")));
    Surroundings surroundings = sandbox_.surroundings();
    KIBAN_TRY(const std::vector<Mount> volumes, volumes_of(container));
    surroundings.mounts.insert(surroundings.mounts.end(), volumes.begin(), volumes.end());
    surroundings.environment =
        runtime::task_environment(payload_, container.plan(), host_.endpoint);
    KIBAN_TRY_VOID(container.create(image, std::move(surroundings)));
    KIBAN_TRY_VOID(sandbox_.wait_for_admission());
    KIBAN_TRY_VOID(container.start());
  }
  ::inotify_add_watch(log_events_, (container.directory() + "/log").c_str(), IN_MODIFY);
  member.cpu_microseconds = container.usage().cpu_microseconds;
  member.check = HealthCheck::create(
      find_object(container.plan(), "HealthCheck"),
      [&container](const std::vector<std::string>& command) { return container.execute(command); },
      std::chrono::steady_clock::now());
  return {};
}

Result<void> Task::open_sandbox() {
  const json::object* network = find_object(payload_, "Network");
  SandboxOptions options{.cpu = digits(text(payload_, "Cpu")),
                         .memory_mib = digits(text(payload_, "Memory")),
                         .storage_mib = storage_of(payload_) * 1024,
                         // "WayOut" in effects that an earlier version stored.
                         .egress = flag(payload_, "Egress") || flag(payload_, "WayOut")
                                       ? Egress::Allowed
                                       : Egress::Denied,
                         .address = network ? text(*network, "PrivateIpAddress") : std::string(),
                         .region = text(payload_, "Region")};
  if (const json::object* names = find_object(payload_, "Hosts"))
    for (const auto& [name, value] : *names)
      if (value.is_string()) options.hosts.emplace_back(name, to_string(value.get_string()));
  return sandbox_.open(options);
}

// Folders of the task, which its containers share.
Result<std::vector<Mount>> Task::volumes_of(const Container& container) const {
  std::vector<Mount> mounts;
  for (const json::value& value : list_of(container.plan(), "MountPoints")) {
    const json::object& point = value.as_object();
    const std::string name = text(point, "sourceVolume");
    if (!is_valid_name(name))
      return fail("CannotStartContainerError",
                  fmt::format("'{}' is not a valid name of a volume", name));
    if (!services::ecs::is_mount_target(text(point, "containerPath")))
      return fail("CannotStartContainerError",
                  fmt::format("a volume cannot be mounted at '{}'", text(point, "containerPath")));
    const std::string source = fmt::format("{}/layer/volumes/{}", directory_, name);
    std::error_code failed;
    const bool fresh = fs::create_directories(source, failed);
    // Every user of the container sees it as on Fargate: owned by root, readable by all.
    if (fresh) fs::permissions(source, fs::perms{0755}, failed);
    if (failed)
      return fail("CannotStartContainerError",
                  fmt::format("can't create {}: {}", source, failed.message()));
    KIBAN_TRY_VOID(make_readable(source));
    if (fresh) KIBAN_TRY_VOID(sandbox_.give_to_root(source));
    const json::value* read_only = find(point, "readOnly");
    mounts.push_back({.source = source,
                      .destination = text(point, "containerPath"),
                      .read_only = read_only && read_only->is_bool() && read_only->get_bool()});
  }
  return mounts;
}

void Task::watch() {
  if (text(payload_, "Group").starts_with("service:"))
    usage_next_ = std::chrono::steady_clock::now() + host_.usage_interval;
  while (!leaving_) {
    settle_members();
    if (!stopping_) {
      const Result<void> started = start_ready();
      if (!started) failure_ = started.error();
      if (!started) stopping_ = true;
      check_health();
    }
    if (all_ended()) break;
    if (log_unreleased_ && !signals_->uncommitted) release_logs();
    for (Member& member : members_) bound_backlog(member);
    if (log_dirty_ && !log_unreleased_ && std::chrono::steady_clock::now() >= log_next_)
      report_logs();
    if (usage_next_ && std::chrono::steady_clock::now() >= *usage_next_) report_usage();
    if (stopping_) end_members();
    wait();
  }
  json::array last_lines;
  while (wait_for_commit()) {
    json::array lines = next_lines(true);
    if (lines.empty()) break;
    std::swap(lines, last_lines);
    if (!lines.empty()) send({.final = false, .payload = {{"Logs", std::move(lines)}}});
  }
  // The end is not noted before all but the last lines are committed.
  // A writer that is held stays so until the next engine takes it up: its log would fill the disk.
  if (signals_->uncommitted || leaving_) return;
  json::array containers;
  for (const Member& member : members_) {
    json::object one{{"Name", member.container.name()}};
    if (const auto code = member.container.exit_code()) one["ExitCode"] = *code;
    if (!member.container.reason().empty()) one["Reason"] = member.container.reason();
    containers.push_back(std::move(one));
  }
  json::object outcome = failure_ ? failure(*failure_) : json::object{{"Status", "STOPPED"}};
  if (evicted_ && !failure_) outcome["Error"] = runtime::eviction_error();
  outcome["Containers"] = std::move(containers);
  // With the end in one outcome, so that neither is committed without the other.
  if (!last_lines.empty()) outcome["Logs"] = std::move(last_lines);
  finish(std::move(outcome));
}

void Task::settle_members() {
  for (Member& member : members_) {
    Container& container = member.container;
    if (!member.begun || container.exit_code()) continue;
    pollfd ended{.fd = container.monitor(), .events = POLLIN, .revents = 0};
    if (container.monitor() >= 0 && ::poll(&ended, 1, 0) == 0) continue;
    container.settle();
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
    // (essential): its end ends the task.
    if (container.essential()) stopping_ = true;
    member.check.reset();
  }
  // A container that waits for what can't come any more never starts, so the task ends.
  for (const Member& member : members_) {
    if (member.begun || stopping_) continue;
    for (const json::value& value : list_of(member.container.plan(), "DependsOn")) {
      const std::string why = never_met(value.as_object());
      if (why.empty()) continue;
      failure_ =
          Error{"CannotStartContainerError", fmt::format("dependency {} of container {} {}",
                                                         text(value.as_object(), "containerName"),
                                                         member.container.name(), why)};
      stopping_ = true;
    }
  }
}

// Why the condition will never be met; empty when it may be.
std::string Task::never_met(const json::object& dependency) const {
  const std::string condition = text(dependency, "condition");
  const std::string name = text(dependency, "containerName");
  const auto other = std::ranges::find_if(
      members_, [&](const Member& member) { return member.container.name() == name; });
  if (other == members_.end()) return {};
  const auto code = other->container.exit_code();
  if (code && ((condition == "SUCCESS" && *code != 0) || condition == "HEALTHY"))
    return fmt::format("exited with {}", *code);
  if (condition == "HEALTHY" && other->health == Health::Unhealthy) return "became unhealthy";
  return {};
}

void Task::check_health() {
  const auto now = std::chrono::steady_clock::now();
  json::array changed;
  for (Member& member : members_) {
    const auto health = member.check ? member.check->advance(now) : std::nullopt;
    if (!health) continue;
    member.health = *health;
    changed.push_back({{"Name", member.container.name()}, {"Status", name_of(*health)}});
  }
  if (!changed.empty()) report_({.final = false, .payload = {{"Health", std::move(changed)}}});
}

bool Task::all_ended() const {
  return std::ranges::all_of(members_, [this](const Member& member) {
    return member.container.exit_code() || (!member.begun && stopping_);
  });
}

void Task::end_members() {
  const auto now = std::chrono::steady_clock::now();
  if (evicted_ && !evict_by_) evict_by_ = now + runtime::eviction_grace;
  for (Member& member : members_) {
    if (!member.begun || member.container.exit_code()) continue;
    const bool asked = member.kill_at.has_value();
    if (!asked) member.kill_at = now + member.container.stop_timeout();
    // Also of one that was asked to end before.
    if (evict_by_) member.kill_at = std::min(*member.kill_at, *evict_by_);
    if (!asked) {
      member.container.ask_to_end();
    } else if (now >= *member.kill_at && !member.killed) {
      member.killed = true;
      member.container.kill();
    }
  }
}

// Milliseconds until something must be done though nothing happens; -1: never.
int Task::wait_time() const {
  std::optional<Steady> next;
  const auto consider = [&next](Steady at) { next = next ? std::min(*next, at) : at; };
  if (log_dirty_)
    consider(log_unreleased_ ? std::chrono::steady_clock::now() + log_interval : log_next_);
  if (usage_next_) consider(*usage_next_);
  for (const Member& member : members_) {
    if (member.container.exit_code()) continue;
    if (member.kill_at && !member.killed) consider(*member.kill_at);
    if (member.check && !stopping_) consider(member.check->next());
  }
  if (!next) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*next - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void Task::wait() {
  std::vector<pollfd> waits{{.fd = signals_->event, .events = POLLIN, .revents = 0},
                            // While there is a report to make, more changes nothing.
                            {.fd = log_dirty_ ? -1 : log_events_, .events = POLLIN, .revents = 0}};
  for (const Member& member : members_) {
    if (!member.begun || member.container.exit_code()) continue;
    waits.push_back({.fd = member.container.monitor(), .events = POLLIN, .revents = 0});
    if (member.check && !stopping_)
      waits.push_back({.fd = member.check->descriptor(), .events = POLLIN, .revents = 0});
  }
  (void)::poll(waits.data(), waits.size(), wait_time());
  eventfd_t ignored = 0;
  (void)::eventfd_read(signals_->event, &ignored);
  if (waits[1].revents == 0) return;
  std::array<char, 4096> events{};
  while (::read(log_events_, events.data(), events.size()) > 0) {
  }
  log_dirty_ = true;
}

void Task::report_running() {
  running_told_ = true;
  json::array containers;
  for (const Member& member : members_)
    containers.push_back({{"Name", member.container.name()},
                          {"RuntimeId", member.container.id()},
                          {"ImageDigest", text(member.container.plan(), "ImageDigest")}});
  report_({.final = false,
           .payload = {{"Status", "RUNNING"},
                       {"Address", sandbox_.address()},
                       {"Containers", std::move(containers)}}});
}

json::array Task::next_lines(bool ended) {
  json::array out;
  std::size_t bytes = 0;
  for (Member& member : members_) {
    while (member.begun && bytes < runtime::report_bytes_max) {
      const std::vector<LogLine> lines = member.container.read_log(ended);
      if (lines.empty()) break;
      for (const LogLine& line : lines) {
        bytes += line.message.size() + runtime::log_line_overhead;
        out.push_back({{"Container", member.container.name()},
                       {"Timestamp", line.timestamp},
                       {"Message", line.message},
                       {"Position", line.position}});
      }
    }
    member.reported = member.container.log_resume();
  }
  log_dirty_ = bytes >= runtime::report_bytes_max;
  return out;
}

void Task::report_logs() {
  json::array lines = next_lines(false);
  log_next_ =
      std::chrono::steady_clock::now() + (log_dirty_ ? std::chrono::milliseconds{0} : log_interval);
  if (lines.empty()) return;
  send({.final = false, .payload = {{"Logs", std::move(lines)}}});
  log_unreleased_ = true;
}

void Task::release_logs() {
  log_unreleased_ = false;
  for (Member& member : members_) {
    if (!member.begun) continue;
    member.container.release_log(member.reported);
  }
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html (mode):
// "blocking" makes the container wait; "non-blocking", the default, loses lines when the buffer is
// full. Of these the oldest are lost, as Docker's ring buffer does it.
void Task::bound_backlog(Member& member) {
  if (!member.begun || member.container.exit_code()) return;
  const std::uint64_t backlog = member.container.log_backlog();
  const json::object* log = find_object(member.container.plan(), "Log");
  if (log && text(*log, "Mode") == "blocking") {
    const bool held = backlog > (member.output_held ? runtime::backlog_bytes_max / 2
                                                    : runtime::backlog_bytes_max);
    if (held != std::exchange(member.output_held, held)) member.container.hold_output(held);
    return;
  }
  const json::value* given = log ? find(*log, "BufferBytes") : nullptr;
  const std::uint64_t buffer =
      given ? given->to_number<std::uint64_t>() : runtime::buffer_bytes_default;
  if (backlog <= buffer) return;
  member.container.skip_log(buffer);
  member.reported = member.container.log_resume();
  member.container.release_log(member.reported);
}

void Task::send(services::Outcome outcome) {
  signals_->uncommitted = true;
  report_(std::move(outcome), [signals = signals_] {
    signals->uncommitted = false;
    signals->wake();
  });
}

bool Task::wait_for_commit() {
  while (signals_->uncommitted && !leaving_) {
    pollfd woken{.fd = signals_->event, .events = POLLIN, .revents = 0};
    (void)::poll(&woken, 1, -1);
    eventfd_t ignored = 0;
    (void)::eventfd_read(signals_->event, &ignored);
  }
  return !signals_->uncommitted;
}

void Task::report_usage() {
  double cpu = 0;
  double memory = 0;
  for (Member& member : members_) {
    if (!member.begun || member.container.exit_code()) continue;
    const Usage usage = member.container.usage();
    const std::uint64_t before = std::exchange(member.cpu_microseconds, usage.cpu_microseconds);
    cpu += static_cast<double>(usage.cpu_microseconds - std::min(before, usage.cpu_microseconds));
    memory += static_cast<double>(usage.memory_bytes);
  }
  const auto now = std::chrono::steady_clock::now();
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - *usage_next_ +
                                                                             host_.usage_interval);
  usage_next_ = now + host_.usage_interval;
  // 1024 units are one processor. docs.aws.amazon.com/AmazonECS/latest/developerguide/
  // task_definition_parameters.html
  report_({.final = false,
           .payload = {{"Usage",
                        {{"CpuUnits", cpu / static_cast<double>(elapsed.count()) * 1024},
                         {"MemoryMiB", memory / (1024 * 1024)}}}}});
}

// Another task may get the address once the end is reported, so it must be released before.
void Task::finish(json::object outcome) {
  sandbox_.close();
  (void)write_file(directory_ + "/result.json", print_json(outcome));
  send({.payload = std::move(outcome)});
  // Before the commit the next run of the engine may have to report it again.
  if (wait_for_commit()) take_down();
}

void Task::take_down() {
  std::error_code ignored;
  fs::remove(directory_ + "/result.json", ignored);
  for (Member& member : members_) member.container.remove();
  remove_sandbox(host_, directory_);
}

}  // namespace kiban::containers
