use super::Looks;

#[test]
fn forms_are_told_apart() {
    for (value, looks) in [
        ("sven.rossi2188@example.com", Looks::Email),
        ("müller@example.org", Looks::Email),
        ("user@", Looks::Word),
        ("192.168.6.212", Looks::Ipv4),
        ("192.168.6.212:8080", Looks::Ipv4),
        ("10.0.0.0/8", Looks::Ipv4),
        ("1.2.3", Looks::Word),
        ("2001:db8::3870:37c8", Looks::Ipv6),
        ("fe80::1%eth0", Looks::Ipv6),
        ("00:1B:44:11:3a:b7", Looks::Mac),
        ("001b.4411.3ab7", Looks::Mac),
        ("123e4567-e89b-12d3-a456-426614174000", Looks::Uuid),
        ("DE89 3704 0044 0532 0130 00", Looks::Iban),
        ("GB82WEST12345698765432", Looks::Iban),
        ("DE00823312672063625026", Looks::Iban),
        ("4111 1111 1111 1111", Looks::Card),
        ("5500000000000004", Looks::Card),
        ("4111111111111112", Looks::Number),
        ("+49 89 1234567", Looks::Phone),
        ("(089) 123-4567", Looks::Phone),
        ("0891234567", Looks::Number),
        ("https://intranet.example/x?y=1", Looks::Url),
        ("www.example.org", Looks::Url),
        ("/var/log/messages", Looks::Path),
        ("C:\\Users\\alice", Looks::Path),
        ("\\\\share\\folder", Looks::Path),
        ("2024-01-01T00:00:12Z", Looks::Date),
        ("2024-01-01", Looks::Date),
        ("404", Looks::Number),
        ("-12.5e3", Looks::Number),
        ("9e107d9d372bb6826bd81d3542a419d6", Looks::Hash),
        ("web-01.fra.corp.example", Looks::Host),
        ("example.org", Looks::Host),
        ("web-01", Looks::Host),
        ("alice.muster", Looks::User),
        ("CORP\\alice", Looks::User),
        ("GET", Looks::Word),
        ("Failed password for user", Looks::Text),
        ("", Looks::Word),
    ] {
        assert_eq!(Looks::of(value, "field"), looks, "{value}");
    }
}

#[test]
fn the_name_of_the_field_helps_where_the_form_says_little() {
    assert_eq!(Looks::of("alice", "user.name"), Looks::User);
    assert_eq!(Looks::of("atlas", "HostName"), Looks::Host);
    assert_eq!(Looks::of("10.0.0.1", "user"), Looks::Ipv4);
    assert_eq!(Looks::of("Anaïs Chen (3786)", "user"), Looks::User);
    assert_eq!(Looks::of("alice", "program"), Looks::Word);
}

#[test]
fn what_a_text_holds_is_told() {
    let text = "Payment declined for anna40@example.org (10.0.0.7), iban=DE00823312672063625026";
    assert_eq!(Looks::held(text), [Looks::Email, Looks::Ipv4, Looks::Iban].into());
    assert!(Looks::held("nothing of 12 words here").is_empty());
}
