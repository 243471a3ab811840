#include "api/checksums.h"

#include <gtest/gtest.h>

#include "api/codec.h"

namespace kiban::api {
namespace {

// Check values of https://reveng.sourceforge.io/crc-catalogue/all.htm and FIPS 180-4, of the text
// "123456789" (SHA: by any implementation).
TEST(Checksums, OfTheTextThatEveryCatalogueUses) {
  constexpr std::string_view nine = "123456789";
  EXPECT_EQ(checksum_of(ChecksumKind::Crc32, nine), encode_base64("\xCB\xF4\x39\x26"));
  EXPECT_EQ(checksum_of(ChecksumKind::Crc32c, nine), encode_base64("\xE3\x06\x92\x83"));
  EXPECT_EQ(checksum_of(ChecksumKind::Crc64nvme, nine),
            encode_base64("\xAE\x8B\x14\x86\x0A\x79\x98\x88"));
  EXPECT_EQ(checksum_of(ChecksumKind::Sha1, nine), "98O8HYCOBHMq32eZZczDTKeuNEE=");
  EXPECT_EQ(checksum_of(ChecksumKind::Sha256, ""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(checksum_of(ChecksumKind::Crc32, ""), "AAAAAA==");
}

TEST(Checksums, PiecesMakeTheSameAsTheWhole) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
  for (const ChecksumKind kind : checksum_kinds) {
    Checksum pieces{kind};
    for (std::size_t at = 0, size = 1; at < text.size(); at += size, size = size % 13 + 1)
      pieces.add(std::string_view(text).substr(at, size));
    const std::string whole = checksum_of(kind, text);
    EXPECT_EQ(pieces.base64(), whole) << name_of(kind);
    EXPECT_NE(whole, checksum_of(kind, text.substr(1))) << name_of(kind);
    if (!is_crc(kind)) continue;
    for (const std::size_t cut : {0UL, 1UL, 8UL, 500UL, 1000UL}) {
      EXPECT_EQ(join_crcs(kind, checksum_of(kind, text.substr(0, cut)),
                          checksum_of(kind, text.substr(cut)), text.size() - cut),
                whole)
          << name_of(kind) << " cut at " << cut;
    }
  }
  EXPECT_FALSE(join_crcs(ChecksumKind::Crc32, "AAAA", "AAAAAA==", 1));
}

TEST(Checksums, HaveNames) {
  for (const ChecksumKind kind : checksum_kinds) EXPECT_EQ(find_checksum(name_of(kind)), kind);
  EXPECT_EQ(find_checksum("crc64nvme"), ChecksumKind::Crc64nvme);
  EXPECT_EQ(find_checksum("xxhash64"), std::nullopt);
}

}  // namespace
}  // namespace kiban::api
