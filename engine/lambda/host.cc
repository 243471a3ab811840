#include "lambda/host.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "core/random.h"
#include "lambda/runtime_call.h"
#include "runtime/entropy.h"

namespace kiban::lambda {
namespace {

namespace fs = std::filesystem;
using Shared = std::shared_ptr<Environment>;

constexpr std::array<const char*, 4> kinds{"lambda.invoke", "lambda.warm", "lambda.retire",
                                           "lambda.abandon"};
constexpr std::size_t watched_files_max = 20'000;  // Of a folder in place of a zip.

// Each environment has few connections, all from loopback; a function runs 15 minutes at most, and
// its connection rests that long.
runtime::HttpLimits api_limits() {
  return {.body_bytes_max = 2 * response_bytes_max,
          .bodies_bytes_max = std::uint64_t{1} << 30,
          .connections_per_address_percent = 100,
          .idle = std::chrono::seconds{1000},
          .drain = std::chrono::seconds{1}};
}

// Changes with every change of a file below.
std::string state_of_folder(const std::string& folder) {
  std::error_code failed;
  std::size_t count = 0;
  std::uint64_t sum = 0;
  for (fs::recursive_directory_iterator at{folder, failed}, end;
       !failed && at != end && count < watched_files_max; at.increment(failed), ++count) {
    if (at->path().filename() == "__pycache__") {
      at.disable_recursion_pending();
      continue;
    }
    std::error_code gone;
    const auto time = at->last_write_time(gone).time_since_epoch().count();
    sum = sum * 31 + std::hash<std::string>{}(at->path().string()) +
          static_cast<std::uint64_t>(time) * 17;
  }
  return fmt::format("{:x}", sum);
}

struct Launched {
  std::unique_ptr<Instance> instance{};
  std::shared_ptr<const Folder> code{};
  std::shared_ptr<const Folder> layers{};
};

class LambdaHost final : public Host {
 public:
  LambdaHost(const HostOptions& options, std::unique_ptr<Launcher> launcher,
             const store::Blobs& blobs)
      : runtimes_(options.support, options.directory + "/runtimes"),
        code_(options.directory + "/code", blobs),
        launcher_(std::move(launcher)),
        pools_(options.limits, [this](std::shared_ptr<const Plan> plan,
                                      Kept kept) { return start(std::move(plan), kept); }),
        server_(runtime::HttpServer::create(
            [this](const runtime::HttpRequest& request, runtime::Respond respond) {
              handle(request, std::move(respond));
            },
            api_limits())),
        api_thread_([this] { server_->run(); }) {
    if (auto work = launcher_->sweep()) in_background(std::move(work));
  }

  ~LambdaHost() override {
    {
      std::unique_lock lock{mutex_};
      closed_ = true;
      pools_.end_all(Now::read());
      ended_.wait(lock, [this] { return threads_ == 0; });
    }
    server_->stop();
    api_thread_.join();
  }

  void add_to(runtime::Effects& effects) override {
    for (const char* kind : kinds)
      effects.add(kind, [this](const services::Effect& effect, const runtime::Report& report) {
        perform(effect, report);
      });
  }

  // On the kernel's thread: the work is done where the runtimes are answered.
  void perform(const services::Effect& effect, const runtime::Report& report) override {
    server_->post([this, kind = effect.kind, id = effect.id, payload = effect.payload, report] {
      const std::lock_guard lock{mutex_};
      if (closed_) return;  // The next run of the engine hears it again.
      if (kind == "lambda.invoke") return invoke(id, payload, report);
      if (kind == "lambda.warm") return warm(payload, report);
      if (kind == "lambda.retire")
        pools_.retire(text(payload, "FunctionArn"), text(payload, "Version"), Now::read());
      if (kind == "lambda.abandon") abandon(payload);
      report({});
    });
  }

 private:
  std::optional<Plan> plan_of(const json::object& payload, const runtime::Report& report);
  void invoke(const std::string& id, const json::object& payload, const runtime::Report& report);
  void warm(const json::object& payload, const runtime::Report& report);
  void abandon(const json::object& payload);
  void handle(const runtime::HttpRequest& request, runtime::Respond respond);
  void respond_to(const Shared& environment, const ResponseCall& call, std::string body,
                  const runtime::Respond& respond, Now now);
  void fail_init(const Shared& environment, const std::string& body,
                 const runtime::Respond& respond, Now now);
  Shared start(std::shared_ptr<const Plan> plan, Kept kept);
  void in_background(std::function<void()> work);
  void run(const Shared& environment);
  Result<Launched> launch(const Shared& environment);
  void watch(const Shared& environment);

  Runtimes runtimes_;
  CodeCache code_;
  std::unique_ptr<Launcher> launcher_;
  std::mutex mutex_{};
  std::condition_variable ended_{};
  Pools pools_;
  std::map<std::string, Shared> environments_{};  // By id.
  int threads_{0};
  bool closed_{false};
  std::unique_ptr<runtime::HttpServer> server_;
  std::thread api_thread_;
};

std::optional<Plan> LambdaHost::plan_of(const json::object& payload,
                                        const runtime::Report& report) {
  Result<Plan> plan = parse_plan(payload);
  if (!plan) {
    report(refusal("ServiceException", plan.error().cause));
    return std::nullopt;
  }
  if (!plan->code_folder.empty()) plan->revision += state_of_folder(plan->code_folder);
  return *std::move(plan);
}

void LambdaHost::invoke(const std::string& id, const json::object& payload,
                        const runtime::Report& report) {
  std::optional<Plan> plan = plan_of(payload, report);
  if (!plan) return;
  pools_.invoke({.plan = std::make_shared<const Plan>(*std::move(plan)),
                 .request_id = text(payload, "RequestId", id),
                 .invoked_arn = text(payload, "InvokedFunctionArn"),
                 .payload = text(payload, "Payload"),
                 .client_context = text(payload, "ClientContext"),
                 .trace = text(payload, "TraceHeader"),
                 .report = report},
                Now::read());
}

void LambdaHost::warm(const json::object& payload, const runtime::Report& report) {
  std::optional<Plan> plan = plan_of(payload, report);
  if (!plan) return;
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(0, number(payload, "Count")));
  pools_.warm(std::make_shared<const Plan>(*std::move(plan)), count, report, Now::read());
}

void LambdaHost::abandon(const json::object& payload) {
  std::vector<std::string> ids;
  if (const json::array* given = find_array(payload, "RequestIds"))
    for (const json::value& id : *given)
      if (id.is_string()) ids.push_back(to_string(id.get_string()));
  pools_.abandon(ids);
}

void LambdaHost::handle(const runtime::HttpRequest& request, runtime::Respond respond) {
  const auto reply = [&respond](runtime::HttpReply made) {
    respond([made = std::move(made)] { return made; });
  };
  const Call call = parse_call(request);
  if (const auto* refused = std::get_if<RefusedCall>(&call)) return reply(refused->reply);
  const std::lock_guard lock{mutex_};
  const auto found = environments_.find(request.listener);
  if (found == environments_.end() || found->second->phase() == Phase::Ending)
    return reply(error_reply(403, "InvalidStateTransition", "this environment has ended"));
  const Shared environment = found->second;
  const Now now = Now::read();
  if (const auto* answer = std::get_if<ResponseCall>(&call))
    return respond_to(environment, *answer, request.body, respond, now);
  if (std::holds_alternative<InitErrorCall>(call))
    return fail_init(environment, request.body, respond, now);
  if (environment->phase() == Phase::Idle || environment->invocation())
    return reply(
        error_reply(403, "InvalidStateTransition", "the invocation before is not answered yet"));
  pools_.next(environment, std::move(respond), now);
}

void LambdaHost::respond_to(const Shared& environment, const ResponseCall& call, std::string body,
                            const runtime::Respond& respond, Now now) {
  const auto reply = [&respond](runtime::HttpReply made) {
    respond([made = std::move(made)] { return made; });
  };
  if (!environment->runs(call.request_id))
    return reply(error_reply(400, "InvalidRequestID", "Invalid request ID"));
  Ending ending{.handler_error = call.error, .payload = std::move(body)};
  runtime::HttpReply answer = accepted_reply();
  if (call.streaming) {
    ending.failure = Failure::Exit;
    ending.error_type = "Runtime.NotImplemented";
    ending.payload = error_payload(ending.error_type, call.request_id,
                                   "kiban does not serve response streaming");
    answer = error_reply(501, "NotImplemented", "kiban does not serve response streaming");
  } else if (ending.payload.size() > response_bytes_max) {
    const std::string message =
        fmt::format("Response payload size exceeded maximum allowed payload size ({} bytes).",
                    response_bytes_max);
    ending.failure = Failure::TooLarge;
    ending.error_type = "Function.ResponseSizeTooLarge";
    ending.payload =
        print_json(json::object{{"errorType", ending.error_type}, {"errorMessage", message}});
    answer = error_reply(413, "RequestEntityTooLarge", message);
  }
  environment->finish(ending, now);
  reply(std::move(answer));
}

void LambdaHost::fail_init(const Shared& environment, const std::string& body,
                           const runtime::Respond& respond, Now now) {
  respond([] { return accepted_reply(); });
  if (environment->phase() != Phase::Starting) return;
  const auto told = parse_json(body);
  const std::string type = told && told->is_object()
                               ? text(told->get_object(), "errorType", "Runtime.Unknown")
                               : "Runtime.Unknown";
  pools_.initialisation_failed(environment, Failure::Init, {type, body}, body, now);
}

Shared LambdaHost::start(std::shared_ptr<const Plan> plan, Kept kept) {
  auto environment = std::make_shared<Environment>(
      std::move(plan), SecretRandom{runtime::fresh_seed()}.hex(32), kept, Now::read());
  environments_[environment->id()] = environment;
  in_background([this, environment]() mutable {
    run(environment);
    const std::lock_guard lock{mutex_};
    environment.reset();  // Before the host may go.
  });
  return environment;
}

// With the lock held, or before there are other threads.
void LambdaHost::in_background(std::function<void()> work) {
  ++threads_;
  std::thread{[this, work = std::move(work)]() mutable {
    work();
    const std::lock_guard lock{mutex_};
    --threads_;
    ended_.notify_all();
  }}.detach();
}

// The thread of an environment.
void LambdaHost::run(const Shared& environment) {
  Result<Launched> launched = launch(environment);
  {
    const std::lock_guard lock{mutex_};
    if (launched)
      environment->started(std::move(launched->instance), std::move(launched->code),
                           std::move(launched->layers));
    else if (environment->phase() == Phase::Starting)
      pools_.start_failed(environment, launched.error(), Now::read());
  }
  if (launched) watch(environment);
  std::unique_ptr<Instance> instance;
  {
    const std::lock_guard lock{mutex_};
    instance = environment->take_instance();
  }
  instance.reset();  // Kills it.
  server_->close_listener(environment->id());
  const std::lock_guard lock{mutex_};
  environments_.erase(environment->id());
  pools_.gone(environment, Now::read());
}

Result<Launched> LambdaHost::launch(const Shared& environment) {
  const Plan& plan = environment->plan();
  Launched made;
  LaunchRequest request{.plan = plan,
                        .id = environment->id(),
                        .environment = environment->variables(),
                        .output = environment->output_of_process(),
                        .serve = [this, &environment](runtime::Descriptor socket) {
                          server_->add_listener(std::move(socket), environment->id());
                        }};
  if (plan.package == Package::Zip) {
    KIBAN_TRY(request.runtime, runtimes_.find(plan.runtime));
    request.code = plan.code_folder;
    if (request.code.empty()) {
      KIBAN_TRY(made.code, code_.get({plan.code_digest}));
      request.code = made.code->path();
    }
    if (!plan.layers.empty()) {
      KIBAN_TRY(made.layers, code_.get(plan.layers));
      request.layers = made.layers->path();
    }
    const std::lock_guard lock{mutex_};
    environment->note_runtime(request.runtime.version, Now::read());
  }
  KIBAN_TRY(made.instance, launcher_->launch(std::move(request)));
  return made;
}

void LambdaHost::watch(const Shared& environment) {
  constexpr auto exit_grace = std::chrono::milliseconds{50};  // For an answer that is on its way.
  std::chrono::milliseconds patience{0};
  bool output_open = true;
  bool reads = true;
  for (bool ended = false;;) {
    std::array<pollfd, 3> waits{
        pollfd{.fd = environment->wake_descriptor(), .events = POLLIN, .revents = 0},
        pollfd{.fd = output_open && reads ? environment->output() : -1,
               .events = POLLIN,
               .revents = 0},
        pollfd{.fd = environment->instance()->descriptor(), .events = POLLIN, .revents = 0}};
    (void)::poll(waits.data(), ended ? 0 : waits.size(), static_cast<int>(patience.count()));
    eventfd_t ignored = 0;
    (void)::eventfd_read(environment->wake_descriptor(), &ignored);
    const std::lock_guard lock{mutex_};
    const Now now = Now::read();
    if (environment->phase() == Phase::Ending) return;
    environment->read_output(now);
    reads = environment->reads_output();
    const auto code = environment->instance()->exit_code();
    if (code && ended)
      return pools_.exited(environment, *code, environment->instance()->ran_out_of_memory(), now);
    ended = code.has_value();
    pools_.look_at(environment, now);
    patience = ended ? exit_grace : pools_.patience(*environment, now);
    if (waits[1].revents == POLLHUP) output_open = false;  // It would be ready for ever.
  }
}

}  // namespace

std::unique_ptr<Host> Host::create(const HostOptions& options, std::unique_ptr<Launcher> launcher,
                                   const store::Blobs& blobs) {
  return std::make_unique<LambdaHost>(options, std::move(launcher), blobs);
}

PoolLimits limits_here() {
  constexpr std::uint64_t bytes_each = std::uint64_t{64} << 20;
  const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const std::uint64_t bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return {.environments_max = std::clamp<std::size_t>(bytes / bytes_each, 16, 1000),
          .starting_max = std::max<std::size_t>(4, 2 * cores)};
}

void add_refusing_host(runtime::Effects& effects, const std::string& why) {
  const services::Outcome refused = refusal(
      "ServiceException",
      fmt::format(
          "this server runs no functions: {}. With --tasks process --source DIR they are processes "
          "of this host",
          why));
  for (const char* kind : {"lambda.invoke", "lambda.warm"})
    effects.add(kind, [refused](const services::Effect&, const runtime::Report& report) {
      report(refused);
    });
  for (const char* kind : {"lambda.retire", "lambda.abandon"})
    effects.add(kind, [](const services::Effect&, const runtime::Report& report) { report({}); });
}

}  // namespace kiban::lambda
