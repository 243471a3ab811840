#include "cli/disk_use.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace kiban::cli {
namespace {

TEST(DiskUse, CountsFilesByKind) {
  std::string data = (std::filesystem::temp_directory_path() / "kiban-disk-XXXXXX").string();
  ASSERT_NE(::mkdtemp(data.data()), nullptr);
  EXPECT_TRUE(disk_use(data).empty());
  std::filesystem::create_directories(data + "/blobs/ab");
  std::ofstream{data + "/blobs/ab/one"} << std::string(100'000, 'x') << std::flush;
  const auto once = disk_use(data);
  std::filesystem::create_hard_link(data + "/blobs/ab/one", data + "/blobs/ab/two");
  const auto all = disk_use(data);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].kind, "blobs");
  EXPECT_GE(all[0].bytes, 100'000U);
  EXPECT_EQ(all[0].bytes, once[0].bytes);
  std::filesystem::remove_all(data);
}

TEST(DiskUse, IsToldInUnits) {
  EXPECT_EQ(bytes_words(0), "0 B");
  EXPECT_EQ(bytes_words(1023), "1023 B");
  EXPECT_EQ(bytes_words(1024), "1.0 KiB");
  EXPECT_EQ(bytes_words(1'610'612'736), "1.5 GiB");
}

}  // namespace
}  // namespace kiban::cli
