<?php
// What is the same for every platform: the site's settings, the signature that tells our forms
// from others, what makes a letter acceptable, and its delivery.

const CONTACT_FORM_VERSION = '2.2.0';
const CONTACT_FORM_SUBMIT = '/_features/contact-form/submit.php';
const CONTACT_FORM_LIFETIME = 4 * 3600;

function contact_form_config(): array
{
    static $config = null;
    return $config ??= require __DIR__ . '/config.php';
}

/** A time of issue and its signature, as one word that a hidden field can carry. */
function contact_form_ticket(int $now): string
{
    return $now . '.' . hash_hmac('sha256', (string) $now, contact_form_config()['key']);
}

function contact_form_ticket_is_good(string $ticket, int $now): bool
{
    [$issued] = explode('.', $ticket, 2);
    return ctype_digit($issued)
        && hash_equals(contact_form_ticket((int) $issued), $ticket)
        && $now - (int) $issued <= CONTACT_FORM_LIFETIME;
}

/** What is wrong with a letter, by field; nothing when it can be sent. */
function contact_form_problems(array $letter, int $now): array
{
    $problems = [];
    if (!contact_form_ticket_is_good($letter['ticket'], $now)) {
        $problems['ticket'] = 'This form is too old. Please send it again.';
    }
    if ($letter['name'] === '' || strlen($letter['name']) > 200) {
        $problems['name'] = 'Please tell us your name.';
    }
    if (!filter_var($letter['email'], FILTER_VALIDATE_EMAIL)) {
        $problems['email'] = 'This is not a mail address.';
    }
    if ($letter['message'] === '' || strlen($letter['message']) > 20000) {
        $problems['message'] = 'Please write a message.';
    }
    return $problems;
}

/** The fields of a letter as text, whatever was posted. */
function contact_form_letter(array $posted): array
{
    $letter = [];
    foreach (['ticket', 'name', 'email', 'message', 'website'] as $field) {
        $value = $posted[$field] ?? '';
        $letter[$field] = is_string($value) ? trim($value) : '';
    }
    // A line break in a header would be a header of the visitor's own.
    $letter['name'] = preg_replace('/[\r\n]+/', ' ', $letter['name']);
    return $letter;
}

/** People do not see the field `website` and leave it empty; most robots fill it in. */
function contact_form_is_from_a_robot(array $letter): bool
{
    return $letter['website'] !== '';
}

function contact_form_send(array $letter): bool
{
    if (contact_form_is_from_a_robot($letter)) {
        return true; // it need not know
    }
    $headers = ['Content-Type' => 'text/plain; charset=utf-8', 'Reply-To' => $letter['email']];
    $subject = '=?UTF-8?B?' . base64_encode('Letter from ' . $letter['name']) . '?=';
    return mail(contact_form_config()['recipient'], $subject, $letter['message'], $headers);
}
