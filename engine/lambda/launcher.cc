#include "lambda/launcher.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kiban::lambda {
namespace {

bool is_file_of(const std::string& folder, const char* name) {
  return !folder.empty() && ::access(fmt::format("{}/{}", folder, name).c_str(), F_OK) == 0;
}

// `paths`, followed by the function's own value of the variable.
std::string before_own(const LaunchRequest& request, std::string_view name, std::string paths) {
  const std::string own = text(request.plan.environment, name);
  return own.empty() ? paths : fmt::format("{}:{}", own, paths);
}

}  // namespace

Instance::Instance(pid_t child)
    : child_(child), end_(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))) {}

std::optional<int> Instance::exit_code() {
  if (exit_code_) return exit_code_;
  int status = 0;
  if (::waitpid(child_, &status, WNOHANG) == child_) exit_code_ = runtime::exit_code_of(status);
  return exit_code_;
}

void Instance::wait_for_end() {
  if (exit_code_) return;
  ::kill(child_, SIGKILL);
  if (const auto status = runtime::wait_for_child(child_))
    exit_code_ = runtime::exit_code_of(*status);
}

Result<std::vector<std::string>> command_of(const LaunchRequest& request, const Places& places) {
  const Runtime& runtime = request.runtime;
  if (runtime.program.empty()) {
    if (is_file_of(request.code, "bootstrap")) return std::vector{places.task + "/bootstrap"};
    if (is_file_of(request.layers, "bootstrap")) return std::vector{places.layers + "/bootstrap"};
    return fail("Runtime.InvalidEntrypoint",
                "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]");
  }
  std::vector<std::string> command{runtime.program};
  if (runtime.python)
    command.insert(command.end(), {"-m", "awslambdaric", request.plan.handler});
  else
    command.push_back(places.support + "/bootstrap.cjs");
  // docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html (wrapper scripts)
  if (const std::string wrapper = text(request.plan.environment, "AWS_LAMBDA_EXEC_WRAPPER");
      !wrapper.empty())
    command.insert(command.begin(), wrapper);
  return command;
}

json::object path_variables(const LaunchRequest& request, const Places& places) {
  const std::string& task = places.task;
  const std::string& opt = places.layers;
  json::object all{{"LAMBDA_TASK_ROOT", task},
                   {"LAMBDA_RUNTIME_DIR", places.support.empty() ? "/var/runtime" : places.support},
                   {"PATH", before_own(request, "PATH",
                                       fmt::format("/usr/local/bin:/usr/bin:/bin:{}/bin", opt))},
                   {"LD_LIBRARY_PATH", before_own(request, "LD_LIBRARY_PATH",
                                                  fmt::format("{0}:{0}/lib:{1}/lib", task, opt))}};
  if (request.runtime.python) all[frames_variable] = frames_descriptor;
  if (request.runtime.python)
    all["PYTHONPATH"] =
        before_own(request, "PYTHONPATH",
                   fmt::format("{0}:{1}/python/lib/python{2}/site-packages:{1}/python:{3}", task,
                               opt, request.runtime.minor, places.support));
  else if (!request.runtime.program.empty())
    // As on AWS with the code itself: require('cfn-response') finds the file beside the handler.
    all["NODE_PATH"] =
        before_own(request, "NODE_PATH", fmt::format("{}/nodejs/node_modules:{}", opt, task));
  return all;
}

}  // namespace kiban::lambda
