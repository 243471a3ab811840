// An image for tests, made of programs of this host.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "containers/files.h"
#include "containers/program.h"
#include "core/json.h"
#include "store/blobs.h"

namespace kiban::containers {

inline std::string run(const std::vector<std::string>& arguments) {
  auto output = run_program(arguments);
  EXPECT_TRUE(output) << output.error().cause;
  return output.value_or("");
}

struct TestImage {
  std::string manifest{};
  std::string digest{};
};

// An image with bash and a few tools of this very host, and what they are linked with.
inline TestImage make_image(store::Blobs& blobs, const std::string& directory) {
  const std::string root = directory + "/layer";
  for (const auto* folder : {"/bin", "/etc", "/tmp"})
    std::filesystem::create_directories(root + folder);
  for (const auto* tool : {"bash", "cat", "id", "ls", "sleep", "tail", "true"}) {
    const std::string program = find_program(tool);
    std::filesystem::copy_file(program, root + "/bin/" + tool,
                               std::filesystem::copy_options::overwrite_existing);
    std::istringstream words{run({find_program("ldd"), program})};
    for (std::string word; words >> word;) {
      if (!word.starts_with('/') || word.ends_with(':')) continue;
      std::filesystem::create_directories(root +
                                          std::filesystem::path(word).parent_path().string());
      std::filesystem::copy_file(word, root + word,
                                 std::filesystem::copy_options::overwrite_existing);
    }
  }
  std::filesystem::create_symlink("bash", root + "/bin/sh");
  std::ofstream{root + "/etc/passwd"} << "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/tmp:/bin/sh\n";
  std::ofstream{root + "/etc/group"} << "root:x:0:\napp:x:1001:\n";
  run({find_program("tar"), "-C", root, "-cf", directory + "/layer.tar", "."});
  const std::string layer = read_file(directory + "/layer.tar");
  const std::string layer_hex = *blobs.put(layer);
  const std::string config =
      print_json({{"architecture", "amd64"},
                  {"os", "linux"},
                  {"config", {{"Env", {"PATH=/bin", "FROM=image"}}, {"Cmd", {"true"}}}},
                  {"rootfs", {{"type", "layers"}, {"diff_ids", {"sha256:" + layer_hex}}}}});
  TestImage image;
  // Docker's media types, as `docker push` sends them.
  image.manifest =
      print_json({{"schemaVersion", 2},
                  {"mediaType", "application/vnd.docker.distribution.manifest.v2+json"},
                  {"config",
                   {{"mediaType", "application/vnd.docker.container.image.v1+json"},
                    {"size", config.size()},
                    {"digest", "sha256:" + *blobs.put(config)}}},
                  {"layers",
                   {{{"mediaType", "application/vnd.docker.image.rootfs.diff.tar"},
                     {"size", layer.size()},
                     {"digest", "sha256:" + layer_hex}}}}});
  image.digest = "sha256:" + store::sha256_hex(image.manifest);
  return image;
}

}  // namespace kiban::containers
