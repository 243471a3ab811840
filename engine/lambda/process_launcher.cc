#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <sstream>

#include "containers/files.h"
#include "containers/program.h"
#include "lambda/launcher.h"

namespace kiban::lambda {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> refuse(const std::string& why) { return fail("ServiceException", why); }

// A socket on 127.0.0.1 at a port that is free.
Result<runtime::Descriptor> listen_here(std::uint16_t& port) {
  runtime::Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.number(), generic, size) != 0 || ::listen(socket.number(), SOMAXCONN) != 0 ||
      ::getsockname(socket.number(), generic, &size) != 0)
    return refuse(fmt::format("can't listen on 127.0.0.1: {}", std::strerror(errno)));
  port = ntohs(address.sin_port);
  return socket;
}

std::uint64_t kilobytes_of(const std::string& file, const std::string& name) {
  std::istringstream words{containers::read_file(file)};
  std::string word;
  while (words >> word && word != name) {
  }
  std::uint64_t value = 0;
  words >> value;
  return value;
}

class Process final : public Instance {
 public:
  Process(pid_t child, std::string directory) : Instance(child), directory_(std::move(directory)) {}
  ~Process() override {
    Process::kill();
    wait_for_end();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  void kill() override { (void)::killpg(child(), SIGKILL); }
  void set_motion(containers::Motion motion) override {
    (void)::killpg(child(), motion == containers::Motion::Frozen ? SIGSTOP : SIGCONT);
  }
  std::uint64_t peak_memory() const override {
    return kilobytes_of(fmt::format("/proc/{}/status", child()), "VmHWM:") * 1024;
  }
  bool ran_out_of_memory() const override { return false; }  // Its memory has no limit.

 private:
  std::string directory_;
};

class ProcessLauncher final : public Launcher {
 public:
  ProcessLauncher(std::string directory, std::string endpoint)
      : directory_(std::move(directory)), endpoint_(std::move(endpoint)) {}

  Result<std::unique_ptr<Instance>> launch(LaunchRequest request) override {
    if (request.plan.package == Package::Image)
      return refuse("functions from images need containers: start kiban with --tasks containers");
    const Places places{.task = request.code,
                        .layers = request.layers.empty() ? "/opt" : request.layers,
                        .support = request.runtime.support};
    KIBAN_TRY(std::vector<std::string> command, command_of(request, places));
    const std::string own = fmt::format("{}/{}", directory_, request.id);
    std::error_code failed;
    fs::create_directories(own + "/tmp", failed);
    std::uint16_t port = 0;
    KIBAN_TRY(runtime::Descriptor socket, listen_here(port));
    json::object variables = path_variables(request, places);
    for (const auto& [name, value] : request.environment) variables[name] = value;
    variables["AWS_LAMBDA_RUNTIME_API"] = fmt::format("127.0.0.1:{}", port);
    variables["AWS_ENDPOINT_URL"] = endpoint_;
    variables["TMPDIR"] = own + "/tmp";
    // Python compares whole seconds: a file that changes twice in one would stay what it was.
    if (!request.plan.code_folder.empty()) variables["PYTHONPYCACHEPREFIX"] = own + "/pycache";
    std::vector<std::string> environment;
    for (const auto& [name, value] : variables)
      environment.push_back(
          fmt::format("{}={}", std::string_view(name), std::string_view(value.as_string())));
    request.serve(std::move(socket));
    // It ends with the engine, also when that is killed.
    const std::string setpriv = containers::find_program("setpriv");
    if (setpriv.empty()) return refuse("the program setpriv (package util-linux) is missing");
    std::vector<std::string> arguments{setpriv, "--pdeathsig", "KILL", "--"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const auto child = runtime::spawn_child({.arguments = std::move(arguments),
                                             .environment = std::move(environment),
                                             .directory = request.code,
                                             .output = request.output,
                                             .fourth = request.output,
                                             .session = runtime::Session::Own});
    if (!child) return refuse(child.error().cause);
    return std::make_unique<Process>(*child, own);
  }

  std::function<void()> sweep() override {
    std::error_code ignored;  // The processes ended with the engine that started them.
    fs::remove_all(directory_, ignored);
    return {};
  }

 private:
  std::string directory_;
  std::string endpoint_;
};

}  // namespace

std::unique_ptr<Launcher> make_process_launcher(std::string directory, std::string endpoint) {
  return std::make_unique<ProcessLauncher>(std::move(directory), std::move(endpoint));
}

}  // namespace kiban::lambda
