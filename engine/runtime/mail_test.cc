#include "runtime/mail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "core/mail_address.h"
#include "runtime/mail_message.h"

namespace kiban::runtime {
namespace {

using testing::HasSubstr;
using testing::Not;

Mail example() {
  return {.from_name = "Nightly",
          .from_address = "no-reply@sns.amazonaws.com",
          .to = "operator@example.com",
          .subject = "It failed",
          .id = "4f2a",
          .date = Timestamp{std::chrono::seconds{1'700'000'000}},
          .body = "One line\n.\nand another\n"};
}

TEST(MailAddress, IsWhatAServerTakes) {
  for (const char* good : {"a@b.c", "first.last+tag@example.co.jp", "o'brien@x-y.example"})
    EXPECT_TRUE(is_mail_address(good)) << good;
  for (const char* bad : {"", "a", "@b.c", "a@", "a@b", "a b@c.d", "a@b.c\r\nBcc: x@y.z", "a,b@c.d",
                          ".a@b.c", "a..b@c.d", "a@-b.c", "a@b..c", "a@b@c.d\n", "<a@b.c>"})
    EXPECT_FALSE(is_mail_address(bad)) << bad;
  EXPECT_FALSE(is_mail_address(std::string(65, 'a') + "@b.c"));
}

TEST(MailMessage, IsReadAsItWasWritten) {
  Mail mail = example();
  const auto text = format_mail(mail);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
  EXPECT_THAT(*text, HasSubstr("Content-Transfer-Encoding: 7bit\r\n\r\nOne line\r\n.\r\n"));
  const Mail read = read_mail(*text);
  EXPECT_EQ(read.from_name, mail.from_name);
  EXPECT_EQ(read.to, mail.to);
  EXPECT_EQ(read.subject, mail.subject);
  EXPECT_EQ(read.date, mail.date);
  EXPECT_EQ(read.id, mail.id);
  EXPECT_EQ(read.body, mail.body);
}

TEST(MailMessage, EncodesWhatIsNotAscii) {
  Mail mail = example();
  mail.from_name = "基盤";
  mail.subject = "夜間バッチが失敗しました: 再実行してください。ご確認をお願いいたします。";
  mail.body = "本文\n" + std::string(2'000, 'x');
  const auto text = format_mail(mail);
  ASSERT_TRUE(text);
  std::size_t line = 0;
  for (const char c : *text) {
    EXPECT_LT(static_cast<unsigned char>(c), 0x80);
    line = c == '\n' ? 0 : line + 1;
    EXPECT_LT(line, 999U);
  }
  const Mail read = read_mail(*text);
  EXPECT_EQ(read.from_name, mail.from_name);
  EXPECT_EQ(read.subject, mail.subject);
  EXPECT_EQ(read.body, mail.body);
}

TEST(MailMessage, NoValueBeginsAnotherHeader) {
  Mail mail = example();
  mail.subject = "S\r\nBcc: other@example.com";
  mail.from_name = "N\" <x@y.z>\nBcc: other@example.com";
  const auto text = format_mail(mail);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(*text, HasSubstr("Subject: S  Bcc: other@example.com\r\n"));
  mail.to = "a@b.c\r\nBcc: other@example.com";
  EXPECT_EQ(format_mail(mail).error().name, "InvalidMail");
}

TEST(Mailbox, KeepsAMailOnceAndAcrossARestart) {
  const std::string directory =
      std::filesystem::temp_directory_path() / ("kiban-mailbox-" + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  const std::string text = *format_mail(example());
  {
    auto mailbox = Mailbox::open(directory);
    ASSERT_TRUE(mailbox);
    ASSERT_TRUE((*mailbox)->add("one", text));
    ASSERT_TRUE((*mailbox)->add("one", text));
    ASSERT_TRUE((*mailbox)->add("two", text));
  }
  auto mailbox = Mailbox::open(directory);
  ASSERT_TRUE(mailbox);
  ASSERT_TRUE((*mailbox)->add("two", text));
  const json::array list = (*mailbox)->list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].at("number"), 2);
  EXPECT_EQ(list[1].at("subject"), "It failed");
  EXPECT_EQ((*mailbox)->read(2), text);
  EXPECT_FALSE((*mailbox)->read(3));
  std::filesystem::remove_all(directory);
}

TEST(Mailbox, RemovesTheOldest) {
  auto mailbox = Mailbox::open("");
  const std::string text = *format_mail(example());
  for (std::size_t i = 0; i <= mailbox_mails_max; ++i)
    ASSERT_TRUE((*mailbox)->add(std::to_string(i), text));
  EXPECT_EQ((*mailbox)->list().size(), mailbox_mails_max);
  EXPECT_FALSE((*mailbox)->read(1));
  EXPECT_TRUE((*mailbox)->read(mailbox_mails_max + 1));
  ASSERT_TRUE((*mailbox)->add("large", std::string(mailbox_bytes_max, 'x')));
  EXPECT_EQ((*mailbox)->list().size(), 1U);
}

TEST(Smtp, ReadsTheUrlOfTheServer) {
  const auto plain = parse_smtp_url("smtp://mail.example.com");
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, (SmtpServer{.scheme = "smtp", .host = "mail.example.com", .port = "25"}));
  const auto full = parse_smtp_url("smtps://a%40b.c:p%3A%22w@mail.example.com:587/");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->user, "a@b.c");
  EXPECT_EQ(full->password, "p:\"w");
  EXPECT_EQ(full->port, "587");
  for (const char* bad : {"", "http://x", "smtp://", "smtp://h:0", "smtp://h:x", "smtp://h:70000",
                          "smtp://u%0a:p@h", "smtp://u%2:p@h", "smtp://h\n", "smtp://h/path"})
    EXPECT_FALSE(parse_smtp_url(bad)) << bad;
}

TEST(Smtp, NoValueBeginsAnotherOptionOfCurl) {
  const std::string text = curl_configuration({.scheme = "smtp",
                                               .host = "mail.example.com",
                                               .port = "25",
                                               .user = "u",
                                               .password = "a\"b\\c"},
                                              "f@example.com", "t@example.com");
  EXPECT_THAT(text, HasSubstr("user = \"u:a\\\"b\\\\c\"\n"));
  EXPECT_THAT(text, HasSubstr("\nssl-reqd\n"));
}

// curl itself would wait ten seconds for the greeting and say so.
TEST(Smtp, ASilentServerDoesNotHoldUpAStop) {
  const Descriptor listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listening.number(), generic, size), 0);
  ASSERT_EQ(::listen(listening.number(), 1), 0);
  ASSERT_EQ(::getsockname(listening.number(), generic, &size), 0);
  const SmtpServer server{
      .scheme = "smtp", .host = "127.0.0.1", .port = std::to_string(ntohs(address.sin_port))};
  SmtpStop stop;
  const auto send = [&] {
    return send_by_smtp(server, "f@example.com", "t@example.com", "", stop);
  };
  auto sending = std::async(std::launch::async, send);
  const Descriptor accepted{::accept4(listening.number(), nullptr, nullptr, SOCK_CLOEXEC)};
  stop.stop();
  for (const Result<void>& sent : {sending.get(), send()}) {
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().name, "MailFailed");
    EXPECT_THAT(sent.error().cause, Not(HasSubstr("curl")));
  }
}

}  // namespace
}  // namespace kiban::runtime
