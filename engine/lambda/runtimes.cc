#include "lambda/runtimes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "containers/files.h"
#include "containers/program.h"

namespace kiban::lambda {

extern const std::string_view node_bootstrap;

namespace {

namespace fs = std::filesystem;

constexpr const char* support_folder = "lambda-python";

std::unexpected<Error> refuse(const std::string& why) {
  return fail("InvalidRuntimeException", why);
}

std::string home() {
  const char* set = std::getenv("HOME");
  return set ? set : "/root";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in{text};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Files PARENT/…PREFIX…/bin/PROGRAM, as version managers lay them out, the newest name first.
std::vector<std::string> managed(const std::string& parent, const std::string& prefix,
                                 const std::string& program) {
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator{parent, failed}) {
    const std::string path = entry.path().string() + "/bin/" + program;
    if (entry.path().filename().string().starts_with(prefix) && ::access(path.c_str(), X_OK) == 0)
      found.push_back(path);
  }
  std::ranges::sort(found, std::greater{});
  return found;
}

// The system's own first: a sandbox has /usr anyway.
std::vector<std::string> candidates(const std::string& program) {
  std::vector<std::string> all;
  for (const auto* folder : {"/usr/bin/", "/usr/local/bin/"})
    if (::access((folder + program).c_str(), X_OK) == 0) all.push_back(folder + program);
  if (const std::string on_path = containers::find_program(program); !on_path.empty())
    all.push_back(on_path);
  return all;
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

bool below_usr(const std::string& path) { return path == "/usr" || path.starts_with("/usr/"); }

}  // namespace

Runtimes::Runtimes(std::string support, std::string scratch)
    : support_(std::move(support)), scratch_(std::move(scratch)) {}

Result<Runtime> Runtimes::find(const std::string& name) {
  const std::lock_guard lock{mutex_};
  if (const auto found = found_.find(name); found != found_.end()) return found->second;
  KIBAN_TRY(Runtime runtime,
            look_for(name));  // Not kept when it fails: the runtime may be installed later.
  return found_[name] = std::move(runtime);
}

Result<Runtime> Runtimes::look_for(const std::string& name) const {
  if (name == "provided.al2" || name == "provided.al2023") {
    const std::string version = name.substr(name.find('.') + 1);
    return Runtime{.version = fmt::format("provided:{}", version)};
  }
  for (const auto* minor : {"3.10", "3.11", "3.12", "3.13", "3.14"})
    if (name == fmt::format("python{}", minor)) return find_python(minor);
  for (const auto* major : {"18", "20", "22", "24"})
    if (name == fmt::format("nodejs{}.x", major)) return find_node(major);
  return refuse(fmt::format(
      "kiban does not run functions of the runtime {}. It runs python3.10 to python3.14, "
      "nodejs18.x to nodejs24.x, provided.al2, provided.al2023, and container images",
      name));
}

Result<Runtime> Runtimes::find_python(const std::string& minor) const {
  const std::string program = "python" + minor;
  std::vector<std::string> all = candidates(program);
  append(all, managed(home() + "/.pyenv/versions", minor + ".", program));
  append(all, managed(home() + "/.local/share/uv/python", "cpython-" + minor, program));
  const std::string support = fmt::format("{}/{}", support_, program);
  const bool client = !support_.empty() && fs::exists(support + "/awslambdaric");
  for (const std::string& each : all) {
    const auto told = containers::run_program(
        {each, "-I", "-c",
         "import sys, os, platform; print(os.path.realpath(sys.executable)); "
         "print(os.path.realpath(sys.base_prefix)); print(platform.python_version())"});
    if (!told) continue;
    const std::vector<std::string> lines = lines_of(*told);
    if (lines.size() != 3 || !lines[2].starts_with(minor + ".")) continue;
    if (!client)
      return refuse(
          fmt::format("the runtime client for {0} is not installed: run tools/setup "
                      "while this host has {0}",
                      program));
    Runtime runtime{.program = lines[0],
                    .version = "python:" + lines[2],
                    .support = support,
                    .python = true,
                    .minor = minor};
    if (!below_usr(lines[1])) runtime.folders.push_back(lines[1]);
    return runtime;
  }
  return refuse(
      fmt::format("this host has no {0}. Install it (as {0} on the PATH, by pyenv or by "
                  "uv), then run tools/setup, or choose the runtime of a Python that is "
                  "there",
                  program));
}

Result<Runtime> Runtimes::find_node(const std::string& major) const {
  std::vector<std::string> all = candidates("node");
  append(all, candidates("node" + major));
  append(all, managed(home() + "/.nvm/versions/node", "v" + major + ".", "node"));
  std::string others;
  for (const std::string& each : all) {
    const auto told = containers::run_program({each, "--version"});
    const std::vector<std::string> lines = told ? lines_of(*told) : std::vector<std::string>{};
    if (lines.empty()) continue;
    if (!lines[0].starts_with("v" + major + ".")) {
      others = fmt::format(" (it has {} {})", each, lines[0]);
      continue;
    }
    std::error_code failed;
    const std::string support = scratch_ + "/node";
    fs::create_directories(support, failed);
    fs::permissions(support, fs::perms{0755}, failed);
    const std::string file = support + "/bootstrap.cjs";
    if (const auto written = containers::write_file(file, node_bootstrap); !written)
      return fail("ServiceException", written.error().cause);
    KIBAN_TRY_VOID(containers::make_readable(file));
    const std::string real = fs::canonical(each, failed).string();
    Runtime runtime{.program = real, .version = "nodejs:" + lines[0].substr(1), .support = support};
    if (!below_usr(real))
      runtime.folders.push_back(fs::path(real).parent_path().parent_path().string());
    return runtime;
  }
  return refuse(
      fmt::format("this host has no Node.js {0}{1}. Install it (as node or node{0} on the "
                  "PATH, or by nvm), or choose the runtime of the version that is there",
                  major, others));
}

std::string find_runtime_support() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  for (const fs::path& folder : {program.parent_path().parent_path() / support_folder,
                                 fs::path("/usr/share/kiban") / support_folder})
    if (fs::is_directory(folder, failed)) return folder.string();
  return {};
}

}  // namespace kiban::lambda
