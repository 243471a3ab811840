#include "core/zip.h"

#include <gtest/gtest.h>

namespace kiban {
namespace {

TEST(Zip, ReadsWhatItWrote) {
  const std::string archive = make_zip({{"index.py", "print(1)\n"}, {"lib/a.txt", ""}});
  const auto entries = read_zip_directory(archive);
  ASSERT_TRUE(entries);
  EXPECT_EQ(*entries, (std::vector<ZipEntry>{{"index.py", 9}, {"lib/a.txt", 0}}));
  EXPECT_EQ(read_zip_directory(make_zip({}))->size(), 0U);
}

TEST(Zip, GivesTheSameBytesForTheSameFiles) {
  EXPECT_EQ(make_zip({{"a", "1"}}), make_zip({{"a", "1"}}));
  EXPECT_NE(make_zip({{"a", "1"}}), make_zip({{"a", "2"}}));
}

TEST(Zip, RefusesWhatIsNoArchive) {
  std::string damaged = make_zip({{"index.py", "print(1)\n"}});
  EXPECT_FALSE(read_zip_directory(""));
  EXPECT_FALSE(read_zip_directory("def handler(event, context): return 1"));
  EXPECT_FALSE(read_zip_directory(damaged.substr(0, damaged.size() - 1)));
  damaged[damaged.find("PK\x01\x02")] = 'Q';
  EXPECT_FALSE(read_zip_directory(damaged));
}

// Every prefix and every changed byte is read or refused, within the archive's bounds.
TEST(Zip, StaysWithinDamagedArchives) {
  const std::string good = make_zip({{"index.py", "print(1)\n"}, {"b", "2"}});
  for (std::size_t i = 0; i < good.size(); ++i) {
    (void)read_zip_directory(std::string_view(good).substr(0, i));
    for (const char byte : {'\0', '\x7f', '\xff'}) {
      std::string changed = good;
      changed[i] = byte;
      (void)read_zip_directory(changed);
    }
  }
}

}  // namespace
}  // namespace kiban
