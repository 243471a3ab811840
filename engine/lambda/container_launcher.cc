#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "containers/container.h"
#include "containers/files.h"
#include "containers/network.h"
#include "containers/program.h"
#include "containers/sandbox.h"
#include "lambda/launcher.h"

namespace kiban::lambda {
namespace {

namespace fs = std::filesystem;

// As on AWS, which serves it there too.
constexpr std::uint16_t api_port = 9001;
constexpr const char* task_folder = "/var/task";
constexpr const char* layers_folder = "/opt";
constexpr const char* support_folder = "/var/runtime";
// docs.aws.amazon.com/lambda/latest/dg/images-create.html: an image's own USER is not used.
constexpr const char* function_user = "993:990";
constexpr const char* passwd =
    "root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/:/sbin/nologin\n";
constexpr const char* group = "root:x:0:\nsbx_user1051:x:990:\nnogroup:x:65534:\n";

std::unexpected<Error> refuse(const std::string& why) { return fail("ServiceException", why); }

class Sandboxed final : public Instance {
 public:
  struct Parts {
    containers::Host& host;
    std::string id{};
    std::string directory{};
    std::unique_ptr<containers::Sandbox> sandbox{};
    std::unique_ptr<containers::Container> container{};
  };
  // `first` is the container's first process, whose end is the end of all in it.
  Sandboxed(pid_t first, Parts parts)
      : Instance(first),
        parts_(std::move(parts)),
        group_(containers::group_of_task(parts_.id)),
        frozen_group_(group_ + "/0") {}

  ~Sandboxed() override {
    Sandboxed::set_motion(containers::Motion::Running);  // Or a signal would wait.
    Sandboxed::kill();
    wait_for_end();
    parts_.container->remove();
    parts_.sandbox->close();
    containers::remove_sandbox(parts_.host, parts_.directory);
  }

  void kill() override {
    if (!exit_code()) (void)::kill(child(), SIGKILL);
  }
  void set_motion(containers::Motion motion) override {
    (void)containers::set_motion(frozen_group_, motion);
  }
  std::uint64_t peak_memory() const override { return containers::peak_memory(group_); }
  bool ran_out_of_memory() const override {
    return containers::oom_kills(group_) > 0 || containers::oom_kills(frozen_group_) > 0;
  }

 private:
  Parts parts_;
  std::string group_;
  std::string frozen_group_;
};

class ContainerLauncher final : public Launcher {
 public:
  ContainerLauncher(containers::Driver& driver, std::string directory, std::string endpoint)
      : host_(driver.host()),
        directory_(std::move(directory)),
        base_(directory_ + "-base"),
        endpoint_(std::move(endpoint)) {}

  Result<std::unique_ptr<Instance>> launch(LaunchRequest request) override;
  std::function<void()> sweep() override {
    std::error_code failed;
    std::vector<std::string> left;
    for (const auto& entry : fs::directory_iterator{directory_, failed})
      left.push_back(entry.path().string());
    return [this, left = std::move(left)] {
      for (const std::string& directory : left) {
        const std::string id = fs::path(directory).filename().string();
        (void)containers::set_motion(containers::group_of_task(id) + "/0",
                                     containers::Motion::Running);
        containers::remove_sandbox(host_, directory);
      }
    };
  }

 private:
  Result<containers::Image> image_of(const LaunchRequest& request);
  Result<void> make_base();
  // Empties `parts` when it succeeds.
  Result<std::unique_ptr<Instance>> start(Sandboxed::Parts& parts, LaunchRequest& request,
                                          const containers::Image& image);

  Result<pid_t> run_detached(const Sandboxed::Parts& parts, const LaunchRequest& request) const;

  containers::Host& host_;
  std::string directory_;
  std::string base_;  // The root of functions without an image.
  std::string endpoint_;
  std::mutex mutex_{};
  bool base_made_{false};
};

// A folder with the host's /usr, and little else: what a managed runtime's image is on AWS.
Result<void> ContainerLauncher::make_base() {
  const std::lock_guard lock{mutex_};
  if (base_made_) return {};
  std::error_code failed;
  fs::remove_all(base_, failed);
  for (const auto* folder :
       {"", "/usr", "/etc", "/etc/ssl", "/etc/alternatives", "/var", "/var/task", "/var/runtime",
        "/opt", "/tmp", "/proc", "/sys", "/dev", "/run", "/home", "/root"}) {
    fs::create_directories(base_ + folder, failed);
    if (!failed) fs::permissions(base_ + folder, fs::perms{0755}, failed);
    if (failed) return refuse(fmt::format("can't make {}: {}", base_, failed.message()));
  }
  for (const auto* name : {"bin", "sbin", "lib", "lib32", "lib64"}) {
    const std::string here = fmt::format("/{}", name);
    if (fs::is_symlink(here, failed)) fs::copy_symlink(here, base_ + here, failed);
  }
  for (const auto& [name, content] :
       {std::pair("passwd", std::string(passwd)), std::pair("group", std::string(group)),
        std::pair("ld.so.cache", containers::read_file("/etc/ld.so.cache")),
        std::pair("nsswitch.conf",
                  std::string("passwd: files\ngroup: files\nhosts: files dns\n"))}) {
    const std::string path = fmt::format("{}/etc/{}", base_, name);
    KIBAN_TRY_VOID(containers::write_file(path, content));
    KIBAN_TRY_VOID(containers::make_readable(path));
  }
  base_made_ = true;
  return {};
}

Result<containers::Image> ContainerLauncher::image_of(const LaunchRequest& request) {
  if (request.plan.package == Package::Zip) {
    KIBAN_TRY_VOID(make_base());
    return containers::Image{.root = base_};
  }
  const json::object& image = request.plan.image;
  if (const std::string why = text(image, "ImageError"); !why.empty()) return refuse(why);
  if (text(image, "Manifest").empty())
    return refuse(fmt::format("the image {} has no manifest", text(image, "Uri")));
  const auto got = host_.images->get(text(image, "Manifest"), text(image, "Digest"));
  if (!got) return refuse(got.error().cause);
  return *got;
}

void add_mount(std::vector<containers::Mount>& mounts, const std::string& source,
               const std::string& target) {
  if (!source.empty() && fs::exists(source))
    mounts.push_back({.source = source, .destination = target, .read_only = true});
}

// What lies where the base has only the place for it.
std::vector<containers::Mount> mounts_of(const LaunchRequest& request) {
  std::vector<containers::Mount> mounts;
  if (request.plan.package == Package::Image) return mounts;
  add_mount(mounts, "/usr", "/usr");
  add_mount(mounts, "/etc/ssl", "/etc/ssl");
  add_mount(mounts, "/etc/alternatives", "/etc/alternatives");
  for (const auto* name : {"/lib", "/lib64", "/bin", "/sbin"})
    if (!fs::is_symlink(name)) add_mount(mounts, name, name);
  for (const std::string& folder : request.runtime.folders) add_mount(mounts, folder, folder);
  add_mount(mounts, request.runtime.support, support_folder);
  add_mount(mounts, request.code, task_folder);
  add_mount(mounts, request.layers, layers_folder);
  return mounts;
}

Result<json::object> plan_of(const LaunchRequest& request, const std::string& endpoint) {
  json::object plan{{"Name", "function"},
                    {"User", function_user},
                    {"ReadonlyRootFilesystem", true},
                    // Nothing of it is privileged; AWS leaves a function none either.
                    {"LinuxParameters", {{"capabilities", {{"drop", json::array{"ALL"}}}}}}};
  json::object variables;
  if (request.plan.package == Package::Zip) {
    const Places places{.task = task_folder, .layers = layers_folder, .support = support_folder};
    KIBAN_TRY(const std::vector<std::string> command, command_of(request, places));
    variables = path_variables(request, places);
    plan["EntryPoint"] = json::value_from(command);
    plan["WorkingDirectory"] = task_folder;
  } else {
    for (const auto* member : {"EntryPoint", "Command", "WorkingDirectory"})
      if (const json::value* given = find(request.plan.image, member)) plan[member] = *given;
    variables["LAMBDA_TASK_ROOT"] = task_folder;
    variables["LAMBDA_RUNTIME_DIR"] = support_folder;
  }
  for (const auto& [name, value] : request.environment) variables[name] = value;
  variables["AWS_LAMBDA_RUNTIME_API"] = fmt::format("127.0.0.1:{}", api_port);
  variables["AWS_ENDPOINT_URL"] = endpoint;
  plan["Environment"] = std::move(variables);
  return plan;
}

// /tmp lies in the sandbox's storage, whose size is the function's.
Result<void> make_tmp(const std::string& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (!failed) fs::permissions(path, fs::perms::all | fs::perms::sticky_bit, failed);
  if (failed) return refuse(fmt::format("can't make {}: {}", path, failed.message()));
  return {};
}

Result<std::unique_ptr<Instance>> ContainerLauncher::launch(LaunchRequest request) {
  KIBAN_TRY(json::object plan, plan_of(request, endpoint_));
  KIBAN_TRY(const containers::Image image, image_of(request));
  Sandboxed::Parts parts{
      .host = host_, .id = request.id, .directory = fmt::format("{}/{}", directory_, request.id)};
  std::error_code failed;
  fs::create_directories(parts.directory, failed);
  fs::permissions(parts.directory, fs::perms::owner_all, failed);
  parts.sandbox = std::make_unique<containers::Sandbox>(host_, parts.id, parts.directory);
  parts.container = std::make_unique<containers::Container>(host_.tools, plan, parts.id + "-0",
                                                            parts.directory + "/0");
  auto started = start(parts, request, image);
  if (!started) {
    parts.container->remove();
    parts.sandbox->close();
    containers::remove_sandbox(host_, parts.directory);
  }
  return started;
}

Result<std::unique_ptr<Instance>> ContainerLauncher::start(Sandboxed::Parts& parts,
                                                           LaunchRequest& request,
                                                           const containers::Image& image) {
  KIBAN_TRY_VOID(parts.sandbox->open({.memory_mib = request.plan.memory_mb,
                                      .storage_mib = request.plan.storage_mb,
                                      .egress = containers::Egress::Allowed,
                                      .region = request.plan.region()}));
  const std::string tmp = parts.directory + "/layer/tmp";
  KIBAN_TRY_VOID(make_tmp(tmp));
  containers::Surroundings surroundings = parts.sandbox->surroundings();
  surroundings.mounts.push_back({.source = tmp, .destination = "/tmp"});
  for (containers::Mount& mount : mounts_of(request)) surroundings.mounts.push_back(mount);
  KIBAN_TRY(runtime::Descriptor socket, containers::listen_inside(surroundings.network, api_port));
  KIBAN_TRY(const std::uint32_t user, parts.container->prepare(image, std::move(surroundings)));
  (void)::fchown(request.output, user, static_cast<gid_t>(-1));
  KIBAN_TRY_VOID(parts.sandbox->wait_for_admission());
  request.serve(std::move(socket));
  KIBAN_TRY(const pid_t first, run_detached(parts, request));
  return std::make_unique<Sandboxed>(first, std::move(parts));
}

// Detached, so that the container writes to `output` itself: a runc that stays copies what is
// written, which comes late then. The first process becomes a child of the engine, which is the
// reaper of what its children leave (containers/driver.cc).
Result<pid_t> ContainerLauncher::run_detached(const Sandboxed::Parts& parts,
                                              const LaunchRequest& request) const {
  const std::string of_container = parts.directory + "/0";
  const auto runc = runtime::spawn_child(
      {.arguments = {host_.tools.runc, "--root", host_.tools.state, "run", "--detach",
                     "--preserve-fds", "1", "--bundle", of_container + "/bundle", "--pid-file",
                     of_container + "/pid", parts.id + "-0"},
       .environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
       .output = request.output,
       .fourth = request.output,
       .session = runtime::Session::Own});
  if (!runc) return refuse(runc.error().cause);
  const auto status =
      runtime::wait_for_child(*runc, std::chrono::steady_clock::now() + runtime::program_time_max);
  const std::string text = containers::read_file(of_container + "/pid");
  int first = 0;
  std::from_chars(text.data(), text.data() + text.size(), first);
  if (status && *status == 0 && first > 1) return first;
  // What runc says is in the function's log.
  return fail("Runtime.InvalidEntrypoint", "the entry point could not be started");
}

}  // namespace

std::unique_ptr<Launcher> make_container_launcher(containers::Driver& driver, std::string directory,
                                                  std::string endpoint) {
  return std::make_unique<ContainerLauncher>(driver, std::move(directory), std::move(endpoint));
}

}  // namespace kiban::lambda
