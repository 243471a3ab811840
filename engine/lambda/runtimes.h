// Which programs of this host run which managed runtimes.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/result.h"

namespace kiban::lambda {

struct Runtime {
  std::string program{};  // Absolute path of the interpreter; empty: the function's own bootstrap.
  std::string version{};  // As INIT_START prints it: "python:3.11.7".
  // Folders of the host that hold it, besides /usr.
  std::vector<std::string> folders{};
  // What the interpreter runs, in a folder that has to be at /var/runtime: a module or a file.
  std::string support{};  // The folder on the host; empty: none.
  bool python{false};
  std::string minor{};  // "3.11"
};

// "python3.11" and the like: what `name` needs; the error tells what this host lacks, and how to
// get it. InvalidRuntimeException as AWS names it.
class Runtimes {
 public:
  // `support` holds python3.11/ and so on, which tools/setup installs; empty: none was found.
  // `scratch` is for files of our own.
  Runtimes(std::string support, std::string scratch);
  // Blocks while programs of the host are asked, the first time. From any thread.
  Result<Runtime> find(const std::string& name);

 private:
  Result<Runtime> look_for(const std::string& name) const;
  Result<Runtime> find_python(const std::string& minor) const;
  Result<Runtime> find_node(const std::string& major) const;

  std::string support_;
  std::string scratch_;
  std::mutex mutex_{};
  std::map<std::string, Runtime> found_{};
};

// Where the Python runtime clients lie that tools/setup installed: beside the build folder of this
// program, or in /usr/share/kiban/lambda; empty: nowhere.
std::string find_runtime_support();

}  // namespace kiban::lambda
