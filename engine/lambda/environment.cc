#include "lambda/environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/utf8.h"

namespace kiban::lambda {
namespace {

using std::chrono::milliseconds;

constexpr auto report_interval = std::chrono::seconds{1};  // Of the lines of one that runs long.
constexpr std::size_t report_bytes_max = std::size_t{1} << 20;
constexpr std::size_t unreported_bytes_max = std::size_t{8} << 20;  // The oldest are lost.
constexpr int pipe_bytes = 1 << 20;
constexpr auto peak_interval = milliseconds{100};
constexpr std::uint64_t mebibyte = 1 << 20;

// As CloudWatch Logs counts an event: many short lines are much, too.
// docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
std::size_t weight_of(const LogEvent& event) { return event.message.size() + 26; }

double milliseconds_between(Steady from, Steady to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

std::string one_line(std::string header) {
  std::ranges::replace_if(header, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return header;
}

runtime::HttpReply next_reply(const Invocation& invocation, Timestamp deadline) {
  runtime::HttpReply reply{
      .headers = {{"Content-Type", "application/json"},
                  {"Lambda-Runtime-Aws-Request-Id", invocation.request_id},
                  {"Lambda-Runtime-Deadline-Ms",
                   std::to_string(deadline.time_since_epoch().count())},
                  {"Lambda-Runtime-Invoked-Function-Arn", one_line(invocation.invoked_arn)}},
      .body = invocation.payload};
  if (!invocation.trace.empty())
    reply.headers.emplace_back("Lambda-Runtime-Trace-Id", one_line(invocation.trace));
  if (!invocation.client_context.empty())
    reply.headers.emplace_back("Lambda-Runtime-Client-Context",
                               one_line(invocation.client_context));
  return reply;
}

}  // namespace

Now Now::read() {
  return {.wall = std::chrono::floor<Duration>(std::chrono::system_clock::now()),
          .steady = std::chrono::steady_clock::now()};
}

services::Outcome refusal(std::string_view code, std::string_view message) {
  return {.payload = {{"Error", {{"Code", code}, {"Message", message}}}}};
}

Environment::Environment(std::shared_ptr<const Plan> plan, std::string id, Kept kept, Now now)
    : plan_(std::move(plan)),
      id_(std::move(id)),
      kept_(kept),
      stream_(stream_name(plan_->version, id_, now.wall)),
      since_(now.steady),
      began_(now.steady),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (auto pipe = runtime::make_pipe()) output_ = *std::move(pipe);
  ::fcntl(output_.read.number(), F_SETFL, O_NONBLOCK);
  ::fcntl(output_.write.number(), F_SETPIPE_SZ, pipe_bytes);
}

// The process has ended, so the reply is not read; the server drops the request.
Environment::~Environment() {
  if (parked_) (*parked_)([] { return runtime::HttpReply{.status = 503}; });
}

bool Environment::has_credentials_for(const Plan& plan, Timestamp now) const {
  if (plan_->credentials.has_value() != plan.credentials.has_value()) return false;
  if (!plan_->credentials || !plan_->credentials->expiration) return true;
  const Timestamp end = *plan_->credentials->expiration;
  return end > now + plan.timeout || end >= plan.credentials->expiration.value_or(end);
}

json::object Environment::variables() const {
  const std::string region = plan_->region();
  json::object all{
      {"TZ", ":UTC"}, {"LANG", "en_US.UTF-8"}, {"AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"}};
  for (const auto& [name, value] : plan_->environment)
    if (value.is_string()) all[name] = value;
  // Those that path_variables() has put together already hold the function's own.
  for (const auto* name : {"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "NODE_PATH"}) all.erase(name);
  const json::object reserved{
      {"_HANDLER", plan_->handler},
      {"AWS_REGION", region},
      {"AWS_DEFAULT_REGION", region},
      {"AWS_LAMBDA_FUNCTION_NAME", plan_->function_name},
      {"AWS_LAMBDA_FUNCTION_VERSION", plan_->version},
      {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", std::to_string(plan_->memory_mb)},
      {"AWS_LAMBDA_LOG_GROUP_NAME", plan_->log_group},
      {"AWS_LAMBDA_LOG_STREAM_NAME", stream_},
      {"AWS_LAMBDA_INITIALIZATION_TYPE",
       kept_ == Kept::Provisioned ? "provisioned-concurrency" : "on-demand"}};
  for (const auto& [name, value] : reserved) all[name] = value;
  if (plan_->handler.empty()) all.erase("_HANDLER");
  if (plan_->package == Package::Zip) all["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + plan_->runtime;
  if (plan_->log_format == LogFormat::Json) all["AWS_LAMBDA_LOG_FORMAT"] = "JSON";
  if (plan_->credentials) {
    all["AWS_ACCESS_KEY_ID"] = plan_->credentials->access_key_id;
    all["AWS_SECRET_ACCESS_KEY"] = plan_->credentials->secret_access_key;
    all["AWS_SESSION_TOKEN"] = plan_->credentials->token;
  }
  return all;
}

void Environment::started(std::unique_ptr<Instance> instance, std::shared_ptr<const Folder> code,
                          std::shared_ptr<const Folder> layers) {
  instance_ = std::move(instance);
  code_ = std::move(code);
  layers_ = std::move(layers);
  output_.write.close();
}

void Environment::wake() const { (void)::eventfd_write(wake_.number(), 1); }

void Environment::note_runtime(std::string_view version, Now now) {
  add(init_line(*plan_, version, now.wall), now);
}

void Environment::park(runtime::Respond respond, Now now) {
  if (phase_ == Phase::Starting && kept_ == Kept::OnDemand)
    init_ms_ = milliseconds_between(began_, now.steady);
  parked_ = std::move(respond);
  phase_ = Phase::Idle;
  since_ = now.steady;
}

void Environment::deliver(Invocation invocation, Now now) {
  if (frozen_ && instance_) instance_->set_motion(containers::Motion::Running);
  if (std::exchange(frozen_, false)) wake();
  invocation_ = std::move(invocation);
  phase_ = Phase::Busy;
  since_ = now.steady;
  delivered_ = now.steady;
  deadline_ = now.steady + invocation_->plan->timeout;
  report_next_ = now.steady + report_interval;
  tail_.clear();
  tail_bytes_ = 0;
  add(start_line(*plan_, invocation_->request_id, now.wall), now);
  auto reply = std::make_shared<runtime::HttpReply>(
      next_reply(*invocation_, now.wall + invocation_->plan->timeout));
  (*parked_)([reply] { return std::move(*reply); });
  parked_.reset();
}

bool Environment::runs(std::string_view request_id) const {
  return invocation_ && invocation_->request_id == request_id;
}

std::int64_t Environment::peak_mb() {
  if (instance_)
    peak_mb_ = std::max(
        peak_mb_, static_cast<std::int64_t>((instance_->peak_memory() + mebibyte - 1) / mebibyte));
  return peak_mb_;
}

Measurement Environment::measure(const Ending& ending, Now now) {
  if (now.steady >= peak_next_) {
    (void)peak_mb();
    peak_next_ = now.steady + peak_interval;
  }
  const bool timed_out = ending.failure == Failure::Timeout;
  const bool failed = ending.failure != Failure::None;
  return {.duration_ms = timed_out
                             ? std::chrono::duration<double, std::milli>(plan_->timeout).count()
                             : milliseconds_between(delivered_, now.steady),
          .init_ms = std::exchange(init_ms_, std::nullopt),
          .memory_mb = plan_->memory_mb,
          .memory_mb_max_used = peak_mb_,
          .status = timed_out ? "timeout"
                    : failed  ? "error"
                              : "success",
          .error_type = ending.error_type};
}

void Environment::finish(const Ending& ending, Now now) {
  read_output(now);
  if (ending.failure != Failure::None) add(lines_.finish(now.wall.time_since_epoch().count()));
  const std::string& id = invocation_->request_id;
  const Measurement measured = measure(ending, now);
  if (!ending.line.empty()) add(ending.line, now);
  if (std::string line = end_line(*plan_, id); !line.empty()) add(std::move(line), now);
  add(report_line(*plan_, id, measured, now.wall), now);
  json::object outcome{{"Payload", to_utf8(ending.payload)},
                       {"LogTail", tail_of({tail_.begin(), tail_.end()})},
                       {"DurationMs", measured.duration_ms},
                       {"BilledMs", billed_ms(measured)},
                       {"MaxMemoryMB", measured.memory_mb_max_used},
                       {"LogStream", stream_},
                       {"Logs", take_unreported()}};
  if (measured.init_ms) outcome["InitMs"] = *measured.init_ms;
  if (ending.handler_error || ending.failure != Failure::None)
    outcome["FunctionError"] = "Unhandled";
  if (ending.failure == Failure::Timeout) outcome["TimedOut"] = true;
  invocation_->report({.payload = std::move(outcome)});
  invocation_.reset();
}

void Environment::fail_initialisation(Invocation invocation, const Ending& ending, Now now) {
  read_output(now);
  add(lines_.finish(now.wall.time_since_epoch().count()));
  add(init_report_line(*plan_, milliseconds_between(began_, now.steady),
                       ending.failure == Failure::Timeout ? "timeout" : "error", ending.error_type,
                       now.wall),
      now);
  invocation_ = std::move(invocation);
  delivered_ = now.steady;
  add(start_line(*plan_, invocation_->request_id, now.wall), now);
  finish(ending, now);
}

bool Environment::reads_output() const {
  return !*uncommitted_ || unreported_bytes_ < report_bytes_max;
}

void Environment::read_output(Now now) {
  constexpr int pieces_max = 32;  // Others wait for the lock.
  std::array<char, std::size_t{64} * 1024> piece{};
  for (int count = 0; count < pieces_max && reads_output(); ++count) {
    const ssize_t bytes = ::read(output_.read.number(), piece.data(), piece.size());
    if (bytes <= 0) break;
    add(lines_.feed({piece.data(), static_cast<std::size_t>(bytes)},
                    now.wall.time_since_epoch().count()));
    if (unreported_bytes_ >= report_bytes_max) report_lines(now);
  }
  if (now.steady >= report_next_) report_lines(now);
}

json::array Environment::take_unreported() {
  unreported_bytes_ = 0;
  const auto events = std::exchange(unreported_, {});
  return json_of({events.begin(), events.end()});
}

void Environment::report_lines(Now now) {
  if (!invocation_ || unreported_.empty() || *uncommitted_) return;
  *uncommitted_ = true;
  invocation_->report(
      {.final = false, .payload = {{"Logs", take_unreported()}, {"LogStream", stream_}}},
      [uncommitted = uncommitted_] { *uncommitted = false; });
  report_next_ = now.steady + report_interval;
}

void Environment::add(std::string message, Now now) {
  add({LogEvent{.timestamp = now.wall.time_since_epoch().count(), .message = std::move(message)}});
}

void Environment::add(std::vector<LogEvent> events) {
  for (LogEvent& event : events) {
    tail_bytes_ += event.message.size() + 1;
    unreported_bytes_ += weight_of(event);
    tail_.push_back(event);
    unreported_.push_back(std::move(event));
  }
  while (tail_.size() > 1 && tail_bytes_ - tail_.front().message.size() - 1 >= tail_bytes_max) {
    tail_bytes_ -= tail_.front().message.size() + 1;
    tail_.pop_front();
  }
  while (unreported_bytes_ > unreported_bytes_max && !unreported_.empty()) {
    unreported_bytes_ -= weight_of(unreported_.front());
    unreported_.pop_front();
  }
}

void Environment::freeze() {
  if (instance_) instance_->set_motion(containers::Motion::Frozen);
  frozen_ = true;
}

void Environment::end(Now now) {
  phase_ = Phase::Ending;
  since_ = now.steady;
  wake();
}

}  // namespace kiban::lambda
