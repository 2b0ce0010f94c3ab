<?php
// The form on WordPress sites: where a page has the shortcode [contact-form], else in the footer.
// Loaded as a must-use plugin; letters go to submit.php, as on every platform.

require_once __DIR__ . '/form.php';

/** What is said above the button after a letter was sent, or failed to be. */
function contact_form_thanks(mixed $outcome): string
{
    return match ($outcome) {
        'sent' => contact_form_config()['thanks'],
        'failed' => 'This did not work. Please try again.',
        default => '',
    };
}

function contact_form_html(): string
{
    return '<form class="contact-form" method="post" action="' . esc_url(CONTACT_FORM_SUBMIT) . '"'
        . ' data-version="' . esc_attr(CONTACT_FORM_VERSION) . '">'
        . '<h2>' . esc_html(contact_form_config()['heading']) . '</h2>'
        . '<input type="hidden" name="ticket" value="' . esc_attr(contact_form_ticket(time())) . '">'
        . '<label>Your name <input name="name" required maxlength="200" autocomplete="name"></label>'
        . '<label>Your mail address <input name="email" type="email" required autocomplete="email"></label>'
        . '<label>Your message <textarea name="message" required maxlength="20000" rows="6"></textarea></label>'
        . '<label hidden>Leave this empty <input name="website" tabindex="-1" autocomplete="off"></label>'
        . '<button>Send</button>'
        . '<p role="status">' . esc_html(contact_form_thanks($_GET['contact'] ?? '')) . '</p>'
        . '</form>';
}

add_action('wp_enqueue_scripts', function () {
    $style = '/_features/contact-form/contact-form.css';
    wp_enqueue_style('contact-form', $style, [], CONTACT_FORM_VERSION);
});

add_shortcode('contact-form', function () {
    $GLOBALS['contact_form_is_placed'] = true;
    return contact_form_html();
});

add_action('wp_footer', function () {
    if (empty($GLOBALS['contact_form_is_placed'])) {
        echo contact_form_html();
    }
});
