#include "postgres/driver.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "postgres/server.h"

namespace kiban::postgres {
namespace {

namespace fs = std::filesystem;
using runtime::Report;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds look_interval{1'000};
constexpr std::chrono::milliseconds log_interval{10};  // While there is more to read.
constexpr std::chrono::seconds retry_interval{10};
constexpr const char* kinds[] = {"postgres.run", "postgres.stop", "postgres.delete",
                                 "postgres.password"};
constexpr const char* available = "available";
// The folder of all servers, made when it is first asked for.
class Home {
 public:
  explicit Home(std::string wanted) : wanted_(std::move(wanted)) {}

  Result<fs::path> root() {
    const std::lock_guard lock{mutex_};
    if (!root_.empty()) return root_;
    std::error_code failed;
    const fs::path absolute = fs::absolute(wanted_, failed);
    if (!fs::exists(absolute, failed)) KIBAN_TRY_VOID(make_folder(absolute));
    const fs::path found = fs::canonical(absolute, failed);
    if (failed) return fail("PostgresFailed", absolute.string() + ": " + failed.message());
    return root_ = found;
  }

  // Also servers of an earlier engine that were not adopted yet.
  void stop_all(const std::vector<std::string>& folders) const {
    std::error_code none;
    const fs::path root = fs::canonical(wanted_, none);
    if (none) return;
    for (const fs::directory_entry& entry : fs::directory_iterator{root, none})
      (void)Server{entry.path(), folders}.stop();
  }

  void erase() {
    std::error_code ignored;
    if (!root_.empty()) fs::remove_all(root_, ignored);
    fs::remove_all(wanted_, ignored);
  }

 private:
  static Result<void> make_folder(const fs::path& folder) {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (!failed) fs::permissions(folder, fs::perms::owner_all, failed);
    if (!failed) return {};
    return fail("PostgresFailed",
                fmt::format("can't create {}: {}", folder.string(), failed.message()));
  }

  std::string wanted_;
  std::mutex mutex_{};
  fs::path root_{};
};

// One server and the thread that looks after it.
class Keeper {
 public:
  Keeper(Home& home, std::string name, std::vector<std::string> folders)
      : home_(home), name_(std::move(name)), folders_(std::move(folders)) {
    thread_ = std::thread{[this] { keep(); }};
  }
  // Ends the thread, and the server with it unless it was left.
  ~Keeper() {
    end();
    thread_.join();
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  void end() {
    const std::lock_guard lock{mutex_};
    ending_ = true;
    wake_.notify_all();
  }

  void leave() {
    const std::lock_guard lock{mutex_};
    leaving_ = true;
  }

  void take(const services::Effect& effect, const Report& report) {
    const std::lock_guard lock{mutex_};
    const Job job{.payload = effect.payload, .report = report};
    if (effect.kind == "postgres.run") {
      run_ = job;
      told_.clear();
    } else if (effect.kind == "postgres.password") {
      passwords_.push_back(job);
    } else {
      end_ = job;
      erase_ = effect.kind == "postgres.delete";
    }
    retry_at_ = {};
    news_ = true;
    wake_.notify_all();
  }

 private:
  struct Job {
    json::object payload{};
    Report report{};
  };

  void keep() {
    std::unique_lock lock{mutex_};
    while (!ending_) {
      const bool tired = std::chrono::steady_clock::now() < retry_at_;
      if (!tired && end_)
        finish(lock);
      else if (!tired && run_)
        look_after(lock);
      wake_.wait_for(lock, log_goes_on_ ? log_interval : look_interval,
                     [this] { return news_ || ending_; });
      news_ = false;
    }
    lock.unlock();
    if (server_ && !leaving_) (void)server_->stop();
  }

  Result<void> reach() {
    if (server_) return {};
    KIBAN_TRY(root_, home_.root());
    server_.emplace(root_ / name_, folders_);
    return {};
  }

  void finish(std::unique_lock<std::mutex>& lock) {
    const Job job = *end_;
    const bool erase = erase_;
    lock.unlock();
    const Result<void> done = end_server(erase, text(job.payload, "Snapshot"));
    lock.lock();
    if (!done) {
      tell_failure(job, done.error());
      return;
    }
    // In this order: a stopped cluster whose server is still wanted would start again.
    if (run_) run_->report({.payload = {{"Status", "ended"}}});
    run_.reset();
    end_.reset();
    told_.clear();
    if (erase) drop_passwords();
    job.report({.payload = {{"Status", erase ? "deleted" : "stopped"}}});
  }

  Result<void> end_server(bool erase, const std::string& snapshot) {
    KIBAN_TRY_VOID(reach());
    if (!erase) return server_->stop();
    return server_->remove(snapshot.empty() ? "" : (root_ / snapshot).string());
  }

  void drop_passwords() {
    for (const Job& password : passwords_) password.report({.payload = {{"Status", "ended"}}});
    passwords_.clear();
  }

  void look_after(std::unique_lock<std::mutex>& lock) {
    const Job job = *run_;
    if (told_ != available || !server_->alive()) {
      lock.unlock();
      const Result<std::uint16_t> port = run_server(job.payload);
      lock.lock();
      if (!port) {
        tell_failure(job, port.error());
        return;
      }
      told_ = available;
      job.report(
          {.final = false,
           .payload = {{"Status", available}, {"Port", *port}, {"Version", server_->version()}}});
    }
    change_passwords(lock);
    report_log(job);
  }

  // One report at a time, so that a server that logs without end takes no more memory than that.
  // Lines that were reported and not kept as such by a killed engine come again.
  void report_log(const Job& job) {
    if (end_ || ending_ || *uncommitted_) return;
    log_goes_on_ = false;
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    json::array lines;
    for (const std::string& line : server_->read_log())
      lines.push_back({{"Timestamp", now}, {"Message", line}});
    if (lines.empty()) return;
    *uncommitted_ = true;
    job.report({.final = false, .payload = {{"Logs", std::move(lines)}}},
               [uncommitted = uncommitted_] { *uncommitted = false; });
    server_->keep_log_place();
    log_goes_on_ = true;
  }

  Result<std::uint16_t> run_server(const json::object& payload) {
    KIBAN_TRY_VOID(reach());
    Plan plan{.database = text(payload, "Database"),
              .user = text(payload, "User"),
              .password = text(payload, "Password")};
    if (const json::value* port = find(payload, "Port"))
      plan.port = static_cast<std::uint16_t>(port->to_number<int>());
    if (const std::string from = text(payload, "Restore"); !from.empty())
      plan.restore = (root_ / from).string();
    return server_->run(plan);
  }

  void change_passwords(std::unique_lock<std::mutex>& lock) {
    while (!passwords_.empty() && !end_ && !ending_) {
      const Job job = passwords_.front();
      lock.unlock();
      const Result<void> changed =
          server_->set_password(text(job.payload, "User"), text(job.payload, "Password"));
      lock.lock();
      passwords_.pop_front();
      if (changed)
        job.report({.payload = {{"Status", "changed"}}});
      else
        job.report({.payload = {{"Status", "unchanged"},
                                {"Error", changed.error().name},
                                {"Cause", changed.error().cause}}});
    }
  }

  // Once for each cause, and tried again after a while.
  void tell_failure(const Job& job, const Error& error) {
    retry_at_ = std::chrono::steady_clock::now() + retry_interval;
    if (told_ == error.cause) return;
    told_ = error.cause;
    job.report({.final = false,
                .payload = {{"Status", "failed"}, {"Error", error.name}, {"Cause", error.cause}}});
  }

  Home& home_;
  std::string name_;
  std::vector<std::string> folders_;
  fs::path root_{};
  std::optional<Server> server_{};  // Once there is a place for it; the thread's own.

  std::mutex mutex_{};
  std::condition_variable wake_{};
  std::optional<Job> run_{};
  std::optional<Job> end_{};
  bool erase_{false};  // What `end_` asks for.
  std::deque<Job> passwords_{};
  std::string told_{};  // The last thing said of the server: available, or why not.
  SteadyTime retry_at_{};
  bool news_{false};
  bool log_goes_on_{false};  // There may be more lines than one report took.
  // Shared with the kernel, which may commit a report after the keeper has gone.
  std::shared_ptr<std::atomic<bool>> uncommitted_{std::make_shared<std::atomic<bool>>(false)};
  bool ending_{false};
  bool leaving_{false};  // The server goes on without us.
  std::thread thread_{};
};

}  // namespace

struct Driver::State {
  Options options{};
  Home home;
  std::map<std::string, std::unique_ptr<Keeper>> keepers{};
  bool leaving{false};
};

Driver::Driver(const Options& options)
    : state_(new State{.options = options, .home = Home{options.directory}}) {}

Driver::~Driver() {
  for (auto& [name, keeper] : state_->keepers) keeper->end();  // All at once.
  state_->keepers.clear();
  if (!state_->leaving) state_->home.stop_all(state_->options.folders);
  if (state_->options.erase_at_end) state_->home.erase();
}

void Driver::leave() {
  state_->leaving = true;
  for (auto& [name, keeper] : state_->keepers) keeper->leave();
}

void Driver::perform(const services::Effect& effect, const runtime::Report& report) {
  const std::string name = text(effect.payload, "Directory");
  std::unique_ptr<Keeper>& keeper = state_->keepers[name];
  if (!keeper) keeper = std::make_unique<Keeper>(state_->home, name, state_->options.folders);
  keeper->take(effect, report);
}

void Driver::add_to(runtime::Effects& effects) {
  for (const char* kind : kinds)
    effects.add(kind, [this](const services::Effect& effect, const runtime::Report& report) {
      perform(effect, report);
    });
}

Result<void> erase_servers(const std::string& directory) {
  std::error_code failed;
  const fs::path root = fs::canonical(directory, failed);
  if (failed) return {};  // None were made.
  for (const fs::directory_entry& entry : fs::directory_iterator{root, failed})
    KIBAN_TRY_VOID(Server{entry.path(), postgres_folders()}.remove(""));
  fs::remove_all(root, failed);
  if (!failed) fs::remove(directory, failed);  // The link to it, if it was elsewhere.
  if (!failed) return {};
  return fail("PostgresFailed",
              fmt::format("can't remove {}: {}", root.string(), failed.message()));
}

}  // namespace kiban::postgres
