#pragma once

#include <string>

namespace kiban::cli {

struct ServeOptions {
  std::string listen{"127.0.0.1:4566"};
  std::string data{};  // Empty: the default directory, or none when ephemeral.
  bool ephemeral{false};
  std::string account{"000000000000"};
  std::string region{"ap-northeast-1"};
  std::string auth{"sigv4"};
  std::string clock{"real"};
  std::string mock_config{};
  // How ECS tasks run: containers, process (in `source`), none, or auto: containers where possible.
  std::string tasks{"auto"};
  std::string source{};
  std::string throttle{"nested"};
};

// Serves until SIGTERM, or SIGINT, which ends tasks too. Returns the exit code.
int serve(const ServeOptions& options);

}  // namespace kiban::cli
